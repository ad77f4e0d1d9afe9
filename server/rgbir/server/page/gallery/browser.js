/** The gallery: how much there is, filters, and sightings by time. Opened as a dialog it lets one of them be taken. */

import { html, useEffect, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { addTexts, t } from "../core/words.js";
import { format } from "../core/route.js";
import { findSimilar } from "../search/actions.js";
import { Trouble } from "../shell/load.js";
import { go, may, say, useApp } from "../shell/state.js";
import { ANSWER } from "../texts/answer.js";
import { GALLERY } from "../texts/gallery.js";
import { Cards } from "./cards.js";
import { Chips } from "./chips.js";
import { useCounts, useSightings, useTotal } from "./data.js";
import { EraseSheet } from "./erase.js";
import { BLOCK, setOnes } from "./filters.js";
import { extent } from "./heat.js";
import { NOTHING, among } from "./select.js";
import { style } from "../core/style.js";
import { HeatStrip } from "./strip.js";

await Promise.all([style("shared"), style("gallery")]);

addTexts(ANSWER);
addTexts(GALLERY);

/** @typedef {import("./filters.js").Filters} Filters */

/** @param {{ filters: Filters, onFilters: (change: Partial<Filters>) => void, onPick?: (sighting: import("./data.js").Sighting) => void }} props */
export function Browser({ filters, onFilters, onPick }) {
  const me = useApp((state) => state.me);
  useApp((state) => state.language);
  const [version, setVersion] = useState(0);
  const [narrow, setNarrow] = useState(false);
  const dated = Boolean(filters.since || filters.until);
  const counts = useCounts(narrow && dated ? { since: filters.since, until: filters.until } : null, version);
  const looks = may("search");
  if (!me) return null;
  const span = extent(counts.counted);
  const there = counts.counted.reduce((sum, each) => sum + each.untimed + each.buckets.reduce((some, bucket) => some + bucket.sightings, 0), 0);
  const empty = counts.state === "there" && there === 0 && !(narrow && dated);
  return html`<div class="gallery" id=${onPick ? undefined : "hits"} tabindex=${onPick ? undefined : -1}>
    ${!onPick &&
    html`<div class="gallery-head"><h2>${t("nav.gallery")}</h2>
      ${counts.state === "there" && !(narrow && dated) && html`<span class="soft">${t(span ? "gallery.holds" : "gallery.holds.untimed", { n: there, cameras: counts.counted.filter(({ untimed, buckets }) => untimed || buckets.length).length, a: span ? spanDay(span.first) : "", b: span ? spanDay(span.last) : "" })}</span>`}</div>`}
    ${empty
      ? html`<div class="empty-state"><h3>${t("empty.gallery")}</h3>${may("enrol") ? html`<p><a class="button" href="#/enrol">${t("empty.enrol")}</a></p>` : html`<p>${t("empty.ask")}</p>`}</div>`
      : html`<${HeatStrip} counts=${counts} filters=${filters} onFilters=${looks ? onFilters : null} narrow=${narrow && dated} onNarrow=${dated ? () => setNarrow(!narrow) : null} />
          ${looks ? html`<${Sightings} filters=${filters} onFilters=${onFilters} onPick=${onPick} version=${version} onChanged=${() => setVersion(version + 1)} />` : html`<p class="state">${t("gallery.countsonly", { role: t(`role.${me.role}`) })}</p>`}`}
  </div>`;
}

/** @param {string} date */
const spanDay = (date) => new Intl.DateTimeFormat(t("locale"), { day: "numeric", month: "short", timeZone: "UTC" }).format(new Date(`${date.slice(0, 10)}T00:00:00Z`));

/** @param {{ filters: Filters, onFilters: (change: Partial<Filters>) => void, onPick?: (sighting: import("./data.js").Sighting) => void, version: number, onChanged: () => void }} props */
function Sightings({ filters, onFilters, onPick, version, onChanged }) {
  const { state, sightings, next, failure, more, again } = useSightings(filters, version);
  const total = useTotal(filters, version);
  const [chosen, setChosen] = useState(NOTHING);
  const [erasing, setErasing] = useState(/** @type {import("./data.js").Sighting[] | null} */ (null));
  useEffect(() => {
    if (state === "there") setChosen((now) => among(now, sightings.map(({ id }) => id)));
  }, [sightings, state]);
  const picked = sightings.filter(({ id }) => chosen.ids.has(id));
  const choose = (/** @type {import("./select.js").Chosen} */ now) => {
    setChosen(now);
    say(t("gallery.selected", { n: now.ids.size }));
  };
  const similar = () => {
    go(format("/search", { like: picked[0].id }));
    void findSimilar(picked[0].id);
  };
  const known = total ?? (state === "there" && next === null ? sightings.length : null);
  const waits = state === "loading" && sightings.length === 0;
  return html`<div class="gallery-tools">
      <${Chips} filters=${filters} onFilters=${onFilters} />
      <button type="button" class="chip" onClick=${() => onFilters({ order: filters.order === "newest" ? "oldest" : "newest" })}>${t(`order.${filters.order}`)}</button>
      <span class="soft" role="status">${known !== null ? t("gallery.count", { n: known }) : sightings.length ? t("gallery.atleast", { n: sightings.length }) : ""}</span>
      <span class="grow"></span>
      ${!onPick &&
      html`${chosen.ids.size > 0 && html`<button type="button" onClick=${() => choose(NOTHING)}>${t("gallery.nothing")}</button>`}
        <button type="button" disabled=${picked.length !== 1} title=${picked.length === 1 ? undefined : t("gallery.similar.one")} onClick=${similar}><${Icon} name="search" /> ${t("similar")}</button>
        ${may("erase") && html`<button type="button" class="erase" disabled=${picked.length === 0} onClick=${() => setErasing(picked)}><${Icon} name="bin" /> ${picked.length ? t("erase.selected", { n: picked.length }) : t("erase.button")}</button>`}`}
    </div>
    ${waits && html`<div class="ghosts" role="status" aria-label=${t("loading")}>${Array.from({ length: 12 }, () => html`<div class="ghost"></div>`)}</div>`}
    ${state === "there" && sightings.length === 0 &&
    html`<div class="state"><p>${t("gallery.none")}</p><p class="buttons">${setOnes(filters).map(({ name, without }) => html`<button type="button" onClick=${() => onFilters(without)}>${t("none.without", { name: t(`chip.${name}`) })}</button>`)}</p></div>`}
    ${sightings.length > 0 && html`<${Cards} sightings=${sightings} chosen=${chosen} onChosen=${choose} onPick=${onPick} />`}
    ${state === "failed" && html`<${Trouble} title=${t("gallery.failed")} failure=${failure} onAgain=${again} />`}
    ${next !== null && state !== "failed" && sightings.length > 0 && html`<p class="buttons"><button type="button" disabled=${state === "more"} onClick=${more}>${state === "more" ? t("loading") : t("gallery.more", { n: known === null ? BLOCK : Math.min(BLOCK, Math.max(known - sightings.length, 1)) })}</button></p>`}
    ${erasing && html`<${EraseSheet} sightings=${erasing} onClose=${() => setErasing(null)} onErased=${onChanged} />`}`;
}

