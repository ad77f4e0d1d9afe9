/** How many sightings each camera has in each hour, day or month: as a strip, or as a table; and who was silent. */

import { html, useRef, useState } from "../core/html.js";
import { clock, moment, number, t, zone } from "../core/words.js";
import { Trouble } from "../shell/load.js";
import { useApp } from "../shell/state.js";
import { heat, levelOf, silences, windowOf } from "./heat.js";

const NAMED = 4;
const LABELS = 12;

/** @typedef {import("./heat.js").Unit} Unit */

/** A column's name on the reader's clock. @param {string} column @param {Unit} unit */
function named(column, unit) {
  if (unit === "hour") return moment(column);
  if (unit === "day") return new Intl.DateTimeFormat(t("locale"), { day: "numeric", month: "short", timeZone: "UTC" }).format(new Date(`${column}T00:00:00Z`));
  return new Intl.DateTimeFormat(t("locale"), { month: "short", year: "numeric", timeZone: "UTC" }).format(new Date(`${column}-01T00:00:00Z`));
}

/**
 * @param {{ counts: ReturnType<typeof import("./data.js").useCounts>, filters: import("./filters.js").Filters, onFilters: ((change: Partial<import("./filters.js").Filters>) => void) | null,
 *   narrow: boolean, onNarrow: (() => void) | null }} props without `onFilters` it only tells; without `onNarrow` there are no dates to narrow it to
 */
export function HeatStrip({ counts, filters, onFilters, narrow, onNarrow }) {
  const network = useApp((state) => state.network);
  const [asTable, setAsTable] = useState(false);
  if (counts.state === "failed") return html`<div class="heat"><${Trouble} title=${t("gallery.failed")} failure=${counts.failure} onAgain=${counts.again} /></div>`;
  if (counts.state === "loading") return html`<div class="heat"><p class="soft" role="status">${t("loading")}</p></div>`;
  const seen = (network?.cameras ?? []).filter((camera) => camera.sightings > 0 || counts.counted.some((each) => each.camera === camera.id));
  const drawn = heat(counts.counted, counts.unit, seen.map(({ id }) => id));
  const places = new Map(seen.map((camera) => [camera.id, camera.place]));
  const quiet = silences(drawn).map(({ camera, from, to }) => t(from === to && drawn.unit !== "hour" ? "gallery.silent.one" : "gallery.silent", { c: camera, a: named(drawn.columns[from], drawn.unit), b: drawn.unit === "hour" ? moment(windowOf(drawn.columns[to], "hour", zone()).until) : named(drawn.columns[to], drawn.unit) }));
  const never = seen.filter((camera) => camera.sightings === 0).map(({ id }) => id);
  return html`<div class="heat">
    <div class="heat-head"><h2>${t(`heat.${drawn.unit}`)}</h2>
      <span class="grow"></span>
      ${onNarrow && html`<button type="button" class="link" aria-pressed=${narrow} onClick=${onNarrow}>${t(narrow ? "gallery.alldates" : "gallery.thesedates")}</button>`}
      <button type="button" class="link" onClick=${() => setAsTable(!asTable)}>${t(asTable ? "gallery.strip" : "gallery.table")}</button></div>
    ${drawn.columns.length === 0
      ? html`<p class="soft">${t("gallery.notimes")}</p>`
      : asTable
        ? html`<${Table} drawn=${drawn} places=${places} />`
        : html`<${Strip} drawn=${drawn} places=${places} filters=${filters} onFilters=${onFilters} />`}
    <p class="note">${[drawn.columns.length ? t("gallery.dashed") : "", ...quiet.slice(0, NAMED), quiet.length > NAMED ? t("gallery.silent.more", { n: quiet.length - NAMED }) : "", ...never.map((camera) => t("gallery.never", { c: camera })), quiet.length ? t("gallery.nobody") : "", drawn.untimed ? t("gallery.untimed", { n: drawn.untimed }) : ""].filter(Boolean).join(" ")}</p>
  </div>`;
}

/** @param {{ drawn: import("./heat.js").Heat, places: Map<string, string>, filters: import("./filters.js").Filters, onFilters: ((change: Partial<import("./filters.js").Filters>) => void) | null }} props */
function Strip({ drawn, places, filters, onFilters }) {
  const [at, setAt] = useState([0, drawn.columns.length - 1]);
  const table = useRef(/** @type {HTMLTableElement | null} */ (null));
  const every = Math.max(1, Math.ceil(drawn.columns.length / LABELS));
  const [tabRow, tabColumn] = [Math.min(at[0], drawn.rows.length - 1), Math.min(at[1], drawn.columns.length - 1)];
  const press = (/** @type {KeyboardEvent} */ event) => {
    const cell = /** @type {HTMLElement} */ (event.target).closest("[data-cell]");
    if (!(cell instanceof HTMLElement)) return;
    const [row, column] = String(cell.dataset.cell).split(" ").map(Number);
    const target = { ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1], ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], Home: [row, 0], End: [row, drawn.columns.length - 1] }[event.key];
    if (!target || target[0] < 0 || target[1] < 0 || target[0] >= drawn.rows.length || target[1] >= drawn.columns.length) return;
    event.preventDefault();
    setAt(target);
    /** @type {HTMLElement | null | undefined} */ (table.current?.querySelector(`[data-cell="${target.join(" ")}"]`))?.focus();
  };
  return html`<div class="heat-scroll" tabindex=${onFilters ? undefined : 0} role=${onFilters ? undefined : "region"} aria-label=${onFilters ? undefined : t(`heat.${drawn.unit}`)}><table class="heat-strip" role=${onFilters ? "grid" : undefined} ref=${table} aria-label=${t(`heat.${drawn.unit}`)} onKeyDown=${press}>
    <thead><tr role="row"><td></td>${drawn.columns.map((column, index) => html`<th scope="col" key=${column}>${index % every === 0 ? html`<span>${short(column, drawn.unit)}</span>` : html`<span class="unseen">${named(column, drawn.unit)}</span>`}</th>`)}<th scope="col"><span class="unseen">${t("gallery.total")}</span></th></tr></thead>
    <tbody>
      ${drawn.rows.map((row, place) => html`<tr role="row" key=${row.camera}>
        <th scope="row">${row.camera} <span class="soft">${places.get(row.camera) ?? ""}</span></th>
        ${row.cells.map((count, index) => {
          const column = drawn.columns[index];
          const label = t("gallery.cell", { c: row.camera, when: named(column, drawn.unit), n: count });
          const face = `cell level-${levelOf(count, drawn.most)}`;
          if (!onFilters) return html`<td key=${column}><span class=${face} role="img" aria-label=${label} title=${label}></span></td>`;
          const span = windowOf(column, drawn.unit, zone());
          const set = filters.since === span.since && filters.until === span.until && filters.cameras.length === 1 && filters.cameras[0] === row.camera;
          return html`<td key=${column} role="gridcell"><button type="button" class=${face} data-cell=${`${place} ${index}`} tabindex=${place === tabRow && index === tabColumn ? 0 : -1} aria-label=${label} title=${label} aria-pressed=${set}
            onClick=${() => (setAt([place, index]), onFilters(set ? { cameras: [], since: "", until: "" } : { cameras: [row.camera], ...span }))}></button></td>`;
        })}
        <td role=${onFilters ? "gridcell" : undefined} class="soft total">${number(row.timed + row.untimed)}</td>
      </tr>`)}
    </tbody>
  </table></div>`;
}

/** @param {string} column @param {Unit} unit */
const short = (column, unit) => (unit === "hour" ? clock(column) : unit === "day" ? named(column, unit) : named(column, unit));

/** @param {{ drawn: import("./heat.js").Heat, places: Map<string, string> }} props */
const Table = ({ drawn, places }) => html`<div class="table-scroll" tabindex="0" role="region" aria-label=${t(`heat.${drawn.unit}`)}><table>
  <thead><tr><th scope="col">${t("table.camera")}</th>${drawn.columns.map((column) => html`<th scope="col" key=${column}>${named(column, drawn.unit)}</th>`)}<th scope="col">${t("gallery.notime")}</th><th scope="col">${t("gallery.total")}</th></tr></thead>
  <tbody>
    ${drawn.rows.map((row) => html`<tr key=${row.camera}><th scope="row">${row.camera} ${places.get(row.camera) ?? ""}</th>${row.cells.map((count, index) => html`<td key=${drawn.columns[index]}>${number(count)}</td>`)}<td>${number(row.untimed)}</td><td>${number(row.timed + row.untimed)}</td></tr>`)}
    <tr><th scope="row">${t("gallery.total")}</th>${drawn.columns.map((column, index) => html`<td key=${column}>${number(drawn.rows.reduce((sum, row) => sum + row.cells[index], 0))}</td>`)}<td>${number(drawn.untimed)}</td><td>${number(drawn.timed + drawn.untimed)}</td></tr>
  </tbody>
</table></div>`;

