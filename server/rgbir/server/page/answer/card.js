/** A hit: its picture in its own proportions, rank, place, camera, time, and how many strangers look as much alike. */

import { html } from "../core/html.js";
import { memo } from "../core/memo.js";
import { Picture } from "../core/picture.js";
import { moment, number, strangers, t } from "../core/words.js";
import { isPast, placeOf } from "./model.js";

/** @typedef {import("../core/types.js").Hit} Hit */

/**
 * @param {{ hit: Hit, at: number, camera: import("../core/types.js").CameraInfo | undefined, focused: boolean, distances: boolean, ordered: boolean, far: boolean,
 *   onOpen: (hit: Hit) => void, language: string }} props `ordered`: the stranger line tells it, so no triangle does; `far`: nobody could have
 *   walked there in time; `language`: in which it is drawn
 */
function Card({ hit, at, camera, focused, distances, ordered, far, onOpen }) {
  const place = placeOf(camera, hit.taken_at);
  const expected = hit.meaning?.strangers;
  const measured = typeof expected === "number";
  return html`<div class="card" role="gridcell" data-at=${at} data-hit=${hit.id} tabindex=${focused ? 0 : -1} onClick=${() => onOpen(hit)}>
    <${Picture} path=${hit.image} />
    <span class="rank"><span class="unseen">${t("hit.word")} </span>${number(hit.rank)}</span>
    <div class="card-text">
      <div class="card-place"><strong>${place}</strong> <span>${t("hit.camera", { c: hit.camera })}</span></div>
      <div>${hit.taken_at ? moment(hit.taken_at) : t("hit.notime")}</div>
      ${far && html`<div class="far">${t("hit.unwalkable")}</div>`}
      ${measured && html`<div class="soft">${!ordered && isPast(hit) ? "▲ " : ""}${t("hit.strangers", { n: expected, s: strangers(expected) })}</div>`}
      ${(!measured || distances) && html`<div class="soft">${t("hit.distance", { d: number(hit.distance, { minimumFractionDigits: 2, maximumFractionDigits: 2 }) })}</div>`}
      ${hit.others > 0 && html`<div class="soft">${t("hit.others", { n: hit.others })}</div>`}
      ${hit.plain_rank && html`<div class="soft">${t("hit.byDistance", { r: hit.plain_rank })}</div>`}
    </div>
  </div>`;
}

export const HitCard = memo(Card);
