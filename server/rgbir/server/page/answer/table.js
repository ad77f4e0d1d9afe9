/** The hits as a table, for screen readers and for copying into a spreadsheet. */

import { html } from "../core/html.js";
import { moment, number, strangers, t } from "../core/words.js";
import { useApp } from "../shell/state.js";
import { useMarks } from "../cases/state.js";
import { placeOf } from "./model.js";

/** @param {{ answer: import("../core/types.js").Answer, onOpen: (hit: import("../core/types.js").Hit) => void }} props */
export default function HitTable({ answer, onOpen }) {
  const network = useApp((state) => state.network);
  const cameras = new Map((network?.cameras ?? []).map((camera) => [camera.id, camera]));
  const marks = useMarks();
  return html`<div class="table-scroll" tabindex="0" role="region" aria-label=${t("tools.table")}><table>
    <thead><tr>${["rank", "place", "camera", "time", "identity", "track", "distance", "strangers", ...(marks.size ? ["mark"] : [])].map((name) => html`<th scope="col">${t(`table.${name}`)}</th>`)}</tr></thead>
    <tbody>
      ${answer.hits.map(
        (hit) => html`<tr key=${hit.id}>
          <td><button type="button" class="link" data-hit=${hit.id} onClick=${() => onOpen(hit)}>${hit.rank}</button></td>
          <td>${placeOf(cameras.get(hit.camera), hit.taken_at)}</td>
          <td>${hit.camera}</td>
          <td>${hit.taken_at ? moment(hit.taken_at, { year: true, seconds: true }) : ""}</td>
          <td>${hit.identity ?? ""}</td>
          <td>${hit.track ?? ""}</td>
          <td>${number(hit.distance, { minimumFractionDigits: 4, maximumFractionDigits: 4 })}</td>
          <td>${typeof hit.meaning?.strangers === "number" ? strangers(hit.meaning.strangers) : ""}</td>
          ${marks.size > 0 && html`<td>${marks.has(hit.id) ? t(`mark.${marks.get(hit.id)?.mark}`) : ""}</td>`}
        </tr>`,
      )}
    </tbody>
  </table></div>`;
}
