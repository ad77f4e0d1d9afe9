/** The window by two fields, a cluster as a list, and the hits as a table. */

import { Dialog } from "../core/dialog.js";
import { html, useState } from "../core/html.js";
import { Picture } from "../core/picture.js";
import { moment, number, t } from "../core/words.js";
import { markedText } from "../cases/marks.js";
import { useMarks } from "../cases/state.js";
import { MomentField } from "../search/taken.js";
import { fromText, toText } from "./windows.js";

/** @typedef {import("./lanes.js").Timed} Timed */

/** @param {{ window: import("./windows.js").Window, onWindow: (window: import("./windows.js").Window) => void, onClose: () => void }} props */
export function WindowDialog({ window, onWindow, onClose }) {
  const [draft, setDraft] = useState(toText({ from: Math.floor(window.from / 1000) * 1000, to: Math.ceil(window.to / 1000) * 1000 }));
  const next = fromText(draft.from, draft.to);
  const footer = html`<button type="button" onClick=${onClose}>${t("chip.cancel")}</button><button type="submit" form="window-form" class="primary">${t("chip.apply")}</button>`;
  return html`<${Dialog} title=${t("time.window")} onClose=${onClose} footer=${footer}>
    <form id="window-form" onSubmit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      if (!next) return;
      onWindow(next);
      onClose();
    }}>
      <div class="field"><label class="label" for="window-from">${t("dates.since")}</label><${MomentField} id="window-from" value=${draft.from} onChange=${(/** @type {string} */ from) => setDraft({ ...draft, from })} /></div>
      <div class="field"><label class="label" for="window-to">${t("dates.until")}</label><${MomentField} id="window-to" value=${draft.to} onChange=${(/** @type {string} */ to) => setDraft({ ...draft, to })} /></div>
      ${!next && html`<p class="problem" role="alert">${t("dates.turned")}</p>`}
    </form>
  <//>`;
}

/** @param {{ place: string, hits: Timed[], onOpen: (hit: import("../core/types.js").Hit) => void, onClose: () => void }} props */
export function ClusterList({ place, hits, onOpen, onClose }) {
  return html`<${Dialog} title=${`${place}, ${t("hits.count", { n: hits.length })}`} onClose=${onClose}>
    <ul class="cluster-list">
      ${hits.map(
        ({ hit }) => html`<li><button type="button" onClick=${() => (onClose(), onOpen(hit))}><${Picture} path=${hit.image} /> <span><strong>${t("hit.word")} ${number(hit.rank)}</strong> ${t("hit.camera", { c: hit.camera })} ${moment(hit.taken_at ?? "", { seconds: true })}</span></button></li>`,
      )}
    </ul>
  <//>`;
}

/** @param {{ lanes: import("./lanes.js").Lane[], onOpen: (hit: import("../core/types.js").Hit) => void }} props */
export function TimeTable({ lanes, onOpen }) {
  const rows = lanes.flatMap((lane) => lane.hits.map((hit) => ({ ...hit, place: lane.place }))).sort((one, other) => one.at - other.at);
  const marks = useMarks();
  return html`<div class="table-scroll" tabindex="0" role="region" aria-label=${t("time.table")}><table>
    <thead><tr>${["time", "place", "camera", "rank", ...(marks.size ? ["mark"] : [])].map((name) => html`<th scope="col">${t(`table.${name}`)}</th>`)}</tr></thead>
    <tbody>
      ${rows.map(
        ({ hit, place }) => html`<tr key=${hit.id}><td>${moment(hit.taken_at ?? "", { year: true, seconds: true })}</td><td>${place}</td><td>${hit.camera}</td>
          <td><button type="button" class="link" onClick=${() => onOpen(hit)}>${number(hit.rank)}</button></td>${marks.size > 0 && html`<td>${markedText(marks.get(hit.id)?.mark)}</td>`}</tr>`,
      )}
    </tbody>
  </table></div>`;
}
