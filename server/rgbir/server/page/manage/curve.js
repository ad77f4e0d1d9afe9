/** A CMC curve: the share of queries whose person is among the first so many hits. Drawn of what was measured, and no more. */

import { html } from "../core/html.js";
import { number, t } from "../core/words.js";
import { marked, points } from "./cards.js";

const ROOM = { width: 420, height: 260, left: 44, bottom: 40, top: 16, right: 24 };

/** @param {{ ranks: { rank: number, share: number }[], title: string }} props */
export function Curve({ ranks, title }) {
  const drawn = points(ranks, ROOM);
  if (drawn.length === 0) return null;
  const { width, height, left, bottom, top, right } = ROOM;
  const named = marked(drawn);
  const whole = named.length < drawn.length;
  const described = named.map(({ rank, share }) => `${t("eval.rank", { n: rank })}: ${number(share, { style: "percent", maximumFractionDigits: 1 })}`).join(", ");
  return html`<figure class="curve">
    <svg viewBox="0 0 ${width} ${height}" role="img" aria-label=${`${title}. ${described}`}>
      ${[0, 0.25, 0.5, 0.75, 1].map((share) => {
        const y = height - bottom - share * (height - top - bottom);
        return html`<g><line class="grid-line" x1=${left} x2=${width - right} y1=${y} y2=${y} /><text x=${left - 6} y=${y + 4} text-anchor="end">${number(share, { style: "percent" })}</text></g>`;
      })}
      <polyline class="curve-line ${whole ? "whole" : ""}" points=${drawn.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ")} />
      ${named.map(({ x, y, rank }) => html`<g><circle class="curve-point" cx=${x} cy=${y} r="5" /><text x=${x} y=${height - bottom + 18} text-anchor="middle">${number(rank)}</text></g>`)}
      <text x=${left + (width - left - right) / 2} y=${height - 4} text-anchor="middle">${t("eval.axis")}</text>
    </svg>
    <figcaption class="note">${t("eval.curve.what")} ${whole ? "" : t("eval.curve.points")}</figcaption>
  </figure>`;
}
