/** A lane: what can be walked as a drawn ground, and over it hits as buttons. */

import { html } from "../core/html.js";
import { Picture } from "../core/picture.js";
import { moment, number, span, strangers, t } from "../core/words.js";
import { MarkBadge, markedText } from "../cases/marks.js";
import { unwalkable } from "../answer/walks.js";
import { shades } from "./lanes.js";

/** @typedef {import("./clusters.js").Item} Item */
/** @typedef {import("./lanes.js").Lane} Lane */
/** @typedef {import("./windows.js").Window} Window */
/**
 * @typedef {object} Drawing how times become pixels
 * @property {Window} window
 * @property {number} width of the track
 * @property {number} picture width of a hit's picture
 * @property {import("./ticks.js").Tick[]} ticks
 * @property {number | null} at the query's moment
 */

/** Narrower than that no hatch is seen. */
export const LINE = 4;
const EDGES = 3;

/** @param {Drawing} drawing @param {number} at */
export const pixel = ({ window, width }, at) => ((at - window.from) / (window.to - window.from)) * width;

/** How long the walk to a lane's place takes, in words. @param {Lane} lane @param {boolean} known whether the query has a place */
function walkText({ own, walk }, known) {
  if (own) return t("time.same");
  if (!walk) return known ? t("time.nowalk") : "";
  const least = span(walk.soonest);
  return walk.latest === null ? t("time.walk", { least }) : t("time.walks", { least, most: span(walk.latest) });
}

/** @param {Lane} lane */
const camerasText = ({ cameras }) => (cameras.length === 1 ? t("hit.camera", { c: cameras[0] }) : t("time.cameras", { list: cameras }));

/**
 * @param {{ lane: Lane, known: boolean, items: Item[], counts: { from: number, to: number, count: number }[], drawing: Drawing, stop: string, query: unknown,
 *   marked: (item: Item) => import("../cases/model.js").MarkKind | undefined, onPress: (item: Item) => void }} props `query`: its picture, in its own lane
 */
export function LaneRow({ lane, known, items, counts, drawing, stop, query, marked, onPress }) {
  const { width, picture } = drawing;
  const shown = items.filter((item) => pixel(drawing, item.at) > -picture && pixel(drawing, item.at) < width + picture);
  const walk = walkText(lane, known);
  return html`<div class="lane ${lane.own ? "own" : ""}" role="row">
    <div class="lane-head" role="rowheader">
      <strong>${lane.place || t("time.noplace")}</strong> <span>${camerasText(lane)}</span>
      ${!lane.own && html` <span>${t("hits.count", { n: lane.count })}</span>`}${walk && html` <span class="lane-walk">${walk}</span>`}
    </div>
    <div class="lane-track" role="none">
      <${Ground} lane=${lane} counts=${counts} drawing=${drawing} />
      ${query}
      ${shown.map((item) => html`<${Mark} key=${item.key} item=${item} lane=${lane} drawing=${drawing} stops=${item.key === stop} mark=${marked(item)} onPress=${onPress} />`)}
      ${shown.length === 0 && !query && html`<span class="unseen" role="gridcell">${t("time.nothing")}</span>`}
    </div>
  </div>`;
}

/** @param {{ lane: Lane, counts: { from: number, to: number, count: number }[], drawing: Drawing }} props */
function Ground({ lane, counts, drawing }) {
  const { window, width, at, ticks } = drawing;
  const most = Math.max(1, ...counts.map((bar) => bar.count));
  const lines = (/** @type {boolean} */ day) => ticks.filter((tick) => tick.day === day).map((tick) => `M${pixel(drawing, tick.at)} 0V200`).join("");
  const left = (/** @type {{ from: number }} */ { from }) => pixel(drawing, from);
  const wide = (/** @type {{ from: number, to: number }} */ { from, to }) => ((to - from) / (window.to - window.from)) * width;
  return html`<svg class="ground" aria-hidden="true" focusable="false">
    ${!lane.own &&
    shades(lane.walk, at, window).map((shade) => {
      const thin = shade.kind === "never" && wide(shade) < LINE;
      return html`<rect class=${`shade ${shade.kind} ${thin ? "thin" : ""}`} x=${left(shade)} y="0" width=${Math.max(wide(shade), thin ? 1.5 : 0)} height="100%" />${!thin && shade.kind !== "walk" && html`<rect x=${left(shade)} y="0" width=${wide(shade)} height="100%" fill=${`url(#time-${shade.kind})`} />`}`;
    })}
    <path class="tick" d=${lines(false)} /><path class="tick day" d=${lines(true)} />
    ${counts.map((bar) => html`<rect class="bar-count" x=${left(bar)} y=${`${100 - (bar.count / most) * 60}%`} width=${Math.max(1, wide(bar) - 1)} height="100%" />`)}
    ${at !== null && html`<path class="query-line" d=${`M${pixel(drawing, at)} 0V200`} />`}
  </svg>`;
}

/** A hit, or several too close together. @param {{ item: Item, lane: Lane, drawing: Drawing, stops: boolean, mark: import("../cases/model.js").MarkKind | undefined, onPress: (item: Item) => void }} props */
function Mark({ item, lane, drawing, stops, mark, onPress }) {
  const { hit } = item.best;
  const far = unwalkable(lane.walk, drawing.at, item.best.at);
  const several = item.hits.length > 1;
  const expected = hit.meaning?.strangers;
  const name = [
    several ? t("time.several", { n: item.hits.length, r: hit.rank }) : `${t("hit.word")} ${number(hit.rank)}`,
    lane.place,
    t("hit.camera", { c: hit.camera }),
    moment(hit.taken_at ?? "", { seconds: true }),
    ...(typeof expected === "number" ? [t("hit.strangers", { n: expected, s: strangers(expected) })] : []),
    ...(far ? [t("time.never")] : []),
    ...markedText(mark),
  ].join(", ");
  return html`<button type="button" role="gridcell" class=${`mark ${far ? "far" : ""} ${mark ? `marked ${mark}` : ""}`} data-hit=${hit.id} data-key=${item.key} tabindex=${stops ? 0 : -1}
    style=${{ left: `${pixel(drawing, item.at)}px` }} onClick=${() => onPress(item)}>
    ${several && Array.from({ length: Math.min(EDGES, item.hits.length - 1) }, (_, edge) => html`<span class=${`edge edge-${edge + 1}`}></span>`)}
    <${Picture} path=${hit.image} />
    <span class="unseen">${name}</span>
    <span class="rank" aria-hidden="true">${number(hit.rank)}</span>
    <${MarkBadge} mark=${mark} />
    ${several && html`<span class="pill" aria-hidden="true">×${number(item.hits.length)}</span>`}
  </button>`;
}
