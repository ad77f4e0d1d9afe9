/** The course of events: queries and marked hits in order of time, as a list, on the timeline or on the plan. */

import { Recording } from "../core/recording.js";
import { html, useEffect, useMemo, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { changed } from "../core/route.js";
import { clock, day, moment, number, strangers, t, zone } from "../core/words.js";
import { PLAIN, toParams } from "../search/question.js";
import { Tags } from "../search/camera.js";
import { go, store, useApp, watch } from "../shell/state.js";
import { asAnswer, bySighting, course, questionOf } from "./model.js";
import { CasePictureShown, imagePath, whereOf } from "./parts.js";
import { searchHash } from "./work.js";

/** @typedef {import("../core/types.js").Case} Case */

const VIEWS = ["list", "timeline", "plan"];
/** @type {Record<string, () => Promise<{ default: any }>>} */
const LATER = { timeline: () => import("../timeline/view.js"), plan: () => import("../plan/view.js") };
const SHAPES = { same: "check", unsure: "question", different: "close" };

/** Where a hit is compared: in the answer in which it was marked, or in the last one. @param {Case} of @param {import("../core/types.js").CaseMark | undefined} mark @param {import("../core/types.js").CasePicture} picture */
export function compareHash(of, mark, picture) {
  const search = of.searches.find(({ n }) => n === mark?.search) ?? of.searches.at(-1);
  if (!search || !picture.sighting) return null;
  const params = toParams(questionOf(search));
  params.set("hit", picture.sighting);
  return searchHash(of.id, search, params);
}

/** @param {{ of: Case }} props */
export function Course({ of }) {
  const view = useApp((state) => state.route.params.get("view") ?? "list");
  const events = course(of);
  const marked = events.filter(({ picture }) => picture.kind === "hit").length;
  const show = (/** @type {string} */ name) => go(changed(store.get().route, { view: name === "list" ? null : name }), { replace: true });
  const press = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = VIEWS[(VIEWS.indexOf(view) + step + VIEWS.length) % VIEWS.length];
    show(next);
    document.getElementById(`course-${next}`)?.focus();
  };
  return html`<section class="box course" aria-labelledby="course">
    <header class="course-head"><h2 id="course">${t("course.title")}</h2> <span class="soft">${t("course.what", { hits: t("course.hits", { n: marked }), queries: t("course.queries", { n: events.length - marked }), zone: zone() })}</span><span class="grow"></span>
      <div class="segments" role="radiogroup" aria-label=${t("view.label")} onKeyDown=${press}>
        ${VIEWS.map((name) => html`<button type="button" role="radio" id=${`course-${name}`} aria-checked=${name === view} tabindex=${name === view ? 0 : -1} onClick=${() => show(name)}>${t(`course.${name}`)}</button>`)}
      </div></header>
    ${events.length === 0 ? html`<p class="state">${t("course.none")}</p>` : view in LATER ? html`<${Drawn} of=${of} view=${view} />` : html`<ol class="events">${events.map((event) => html`<${Happened} key=${event.picture.id} of=${of} event=${event} />`)}</ol>`}
  </section>`;
}

/** The course on the timeline or the plan of an answer. @param {{ of: Case, view: string }} props */
function Drawn({ of, view }) {
  const network = useApp((state) => state.network);
  const away = useApp((state) => state.away);
  const [Loaded, setLoaded] = useState(/** @type {any} */ (null));
  const { answer, query } = useMemo(() => asAnswer(of, network), [of, network]);
  const question = useMemo(() => ({ ...PLAIN, passages: "off", at: query?.taken_at ?? "", picture: query ? imagePath(of.id, query) : null }), [query]);
  useEffect(() => {
    setLoaded(null);
    let gone = false;
    LATER[view]().then((module) => !gone && setLoaded(() => module.default), watch);
    return () => {
      gone = true;
    };
  }, [view, away]);
  const marks = useMemo(() => bySighting(of), [of]);
  const open = (/** @type {{ id: string }} */ hit) => {
    const event = course(of).find(({ picture }) => (picture.sighting ?? picture.id) === hit.id);
    const hash = event && compareHash(of, event.mark, event.picture);
    if (hash) go(hash);
  };
  return Loaded ? html`<${Loaded} answer=${answer} question=${question} onOpen=${open} fixed=${marks} />` : html`<p class="state">${t("loading")}</p>`;
}

/** @param {{ of: Case, event: import("./model.js").Event }} props */
function Happened({ of, event: { picture, mark } }) {
  const network = useApp((state) => state.network);
  const camera = network?.cameras.find(({ id }) => id === picture.camera);
  const query = picture.kind === "query";
  const where = whereOf(picture) || t("picture.nowhere");
  const what = query ? t("course.query") : t(`course.${mark?.mark}`);
  const by = query
    ? t("course.uploaded", { who: picture.added_by, time: moment(picture.added_at), name: picture.name || "–" })
    : [mark?.rank && t("compare.hit", { r: mark.rank }), t("course.marked", { who: mark?.who ?? "", time: moment(mark?.at ?? "") })].filter(Boolean).join(", ");
  const expected = mark?.strangers;
  const compare = query ? null : compareHash(of, mark, picture);
  const search = query ? of.searches.filter(({ queries }) => queries.includes(picture.id)).at(-1) : undefined;
  return html`<li class="event">
    <div class="event-time">${picture.taken_at ? html`<strong>${clock(picture.taken_at, true)}</strong> <span class="soft">${day(picture.taken_at)}</span>` : html`<span class="soft">${t("hit.notime")}</span>`}</div>
    <span class="event-shape ${query ? "query" : mark?.mark}" aria-hidden="true"><${Icon} name=${query ? "search" : SHAPES[/** @type {"same"} */ (mark?.mark)]} size=${14} /></span>
    <${CasePictureShown} id=${of.id} picture=${picture} mark=${mark} badge=${false} />
    <div class="event-words"><p><strong>${where}: ${what}</strong> ${query && camera && html`<${Tags} modalities=${camera.modalities} />`}</p>
      <p class="soft">${by}.${typeof expected === "number" ? ` ${t("course.strangers", { s: strangers(expected) })}` : ""}</p>
      ${mark?.note && html`<p>${mark.note}</p>`}</div>
    <div class="event-buttons"><${Recording} address=${picture.recording} of=${`${where}, ${picture.taken_at ? clock(picture.taken_at, true) : ""}`} />${compare && html`<a class="button" href=${compare}>${t("course.compare")}</a>`}${search && html`<a class="button" href=${searchHash(of.id, search, toParams(questionOf(search)))}>${t("course.search", { n: number(search.n) })}</a>`}</div>
  </li>`;
}

