/** A hit: its picture in its own proportions, rank, place, camera, time, and how many strangers look as much alike. */

import { html } from "../core/html.js";
import { memo } from "../core/memo.js";
import { MarkBadge, MarkButtons } from "../cases/marks.js";
import { moved } from "../cases/model.js";
import { markHit } from "../cases/work.js";
import { Picture } from "../core/picture.js";
import { moment, number, strangers, t } from "../core/words.js";
import { isPast, placeOf } from "./model.js";

/** @typedef {import("../core/types.js").Hit} Hit */

/**
 * @param {{ hit: Hit, at: number, camera: import("../core/types.js").CameraInfo | undefined, focused: boolean, distances: boolean, ordered: boolean, far: boolean,
 *   mark?: import("../cases/model.js").MarkKind, marks?: boolean, refined?: boolean, onOpen: (hit: Hit) => void, language: string }} props
 *   `ordered`: the stranger line tells it, so no triangle does; `far`: nobody could have walked there in time; `marks`: whether it may be
 *   marked here; `language`: in which it is drawn
 */
function Card({ hit, at, camera, focused, distances, ordered, far, mark, marks = false, refined = false, onOpen }) {
  const place = placeOf(camera, hit.taken_at);
  const expected = hit.meaning?.strangers;
  const measured = typeof expected === "number";
  const before = moved(hit, refined);
  return html`<div class="card ${mark ? `marked ${mark}` : ""}" role="gridcell" data-at=${at} data-hit=${hit.id} tabindex=${focused ? 0 : -1} onClick=${() => onOpen(hit)}>
    <div class="card-picture"><${Picture} path=${hit.image} /><${MarkBadge} mark=${mark} /></div>
    <span class="rank ${refined ? "large" : ""}"><span class="unseen">${t("hit.word")} </span>${number(hit.rank)}</span>
    ${before && html`<span class="was">${t(before.code, { r: "r" in before ? before.r : 0 })}</span>`}
    <div class="card-text">
      <div class="card-place"><strong>${place}</strong> <span>${t("hit.camera", { c: hit.camera })}</span></div>
      <div>${hit.taken_at ? moment(hit.taken_at) : t("hit.notime")}</div>
      ${far && html`<div class="far">${t("hit.unwalkable")}</div>`}
      ${measured && html`<div class="soft">${!ordered && isPast(hit) ? "▲ " : ""}${t("hit.strangers", { n: expected, s: strangers(expected) })}</div>`}
      ${(!measured || distances) && html`<div class="soft">${t("hit.distance", { d: number(hit.distance, { minimumFractionDigits: 2, maximumFractionDigits: 2 }) })}</div>`}
      ${hit.others > 0 && html`<div class="soft">${t("hit.others", { n: hit.others })}</div>`}
      ${hit.plain_rank && !refined && html`<div class="soft">${t("hit.byDistance", { r: hit.plain_rank })}</div>`}
    </div>
    ${marks && html`<${MarkButtons} mark=${mark} onMark=${(/** @type {import("../cases/model.js").MarkKind} */ kind) => markHit(hit.id, kind)} />`}
  </div>`;
}

export const HitCard = memo(Card);
