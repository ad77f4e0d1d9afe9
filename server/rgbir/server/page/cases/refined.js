/** Asking again with what was confirmed: the button, what it changed, the rule, and the way back. */

import { Dialog } from "../core/dialog.js";
import { html, useState } from "../core/html.js";
import { rich } from "../core/rich.js";
import { moment, number, t } from "../core/words.js";
import { search } from "../search/actions.js";
import { may, useApp } from "../shell/state.js";
import { placeOf } from "../answer/model.js";
import { barred, changes, counted, isRefined, moved } from "./model.js";
import { useCase, useMarks } from "./state.js";
import { asBefore, refine } from "./work.js";

/** @param {{ answer: import("../core/types.js").Answer, like: boolean }} props `like`: a sighting is searched with, and no shots */
export function Refined({ answer, like }) {
  const current = useCase((state) => state.current);
  const stored = useCase((state) => state.stored);
  const { same, different } = counted(useMarks());
  const [open, setOpen] = useState(false);
  const [how, setHow] = useState(false);
  useApp((state) => state.language);
  if (!may("cases")) return null;
  const done = isRefined(answer);
  const heeded = done && same === answer.case?.same && different === answer.case?.different;
  const offers = current !== null && barred(current) === null && !like && same + different > 0 && !heeded;
  const outside = current !== null && barred(current) === null && answer.case?.id !== current.id;
  const { fresh, moved: others } = changes(answer.hits);
  return html`${outside && html`<p class="bar" role="status"><span>${rich("refined.outside", { number: current.number }, () => search())}</span></p>`}
    ${stored && html`<p class="bar" role="status"><span>${rich("stored", { n: stored.n, who: stored.who, time: moment(stored.at) }, () => search())}${stored.gone > 0 && ` ${t("stored.gone", { n: stored.gone })}`}</span></p>`}
    ${(done || offers) &&
    html`<div class="refined">
      ${done && html`<p class="grow"><strong>${t("refined.with", { n: answer.case?.same ?? 0 })}</strong> ${t("refined.fresh", { n: fresh })}, ${t("refined.moved", { n: others })}.${(answer.case?.different ?? 0) > 0 && ` ${t("refined.back", { n: answer.case?.different ?? 0 })}`}</p>`}
      ${offers && html`<button type="button" class=${done ? "" : "primary"} onClick=${refine}>${t(same ? "refine" : "refine.back", { n: same })}</button>`}
      ${done && html`<button type="button" aria-haspopup="dialog" onClick=${() => setOpen(true)}>${t("refined.what")}</button><button type="button" onClick=${asBefore}>${t("refined.before")}</button>`}
      <button type="button" class="link" aria-expanded=${how} aria-controls="refine-how" onClick=${() => setHow(!how)}>${t("refined.how")}</button>
      <p class="note" id="refine-how" hidden=${!how}>${t("refined.rule")}</p>
    </div>`}
    ${open && html`<${Changes} answer=${answer} onClose=${() => setOpen(false)} />`}`;
}

/** Ranks before marks were heeded and after. @param {{ answer: import("../core/types.js").Answer, onClose: () => void }} props */
function Changes({ answer, onClose }) {
  const network = useApp((state) => state.network);
  const marks = useMarks();
  const cameras = new Map((network?.cameras ?? []).map((camera) => [camera.id, camera]));
  return html`<${Dialog} title=${t("refined.what")} onClose=${onClose}>
    <p class="note">${t("refined.rule")}</p>
    <div class="table-scroll" tabindex="0" role="region" aria-label=${t("refined.what")}><table>
      <thead><tr>${["now", "earlier", "where", "mark"].map((name) => html`<th scope="col">${t(`refined.${name}`)}</th>`)}</tr></thead>
      <tbody>${answer.hits.map((hit) => {
        const mark = marks.get(hit.id)?.mark;
        return html`<tr key=${hit.id} class=${moved(hit, true) ? "moved" : ""}><th scope="row">${number(hit.rank)}</th><td>${typeof hit.plain_rank === "number" ? number(hit.plain_rank) : t("refined.none")}</td>
          <td>${placeOf(cameras.get(hit.camera), hit.taken_at)}, ${t("camera.named", { c: hit.camera })}, ${hit.taken_at ? moment(hit.taken_at) : t("hit.notime")}</td><td>${mark ? t(`mark.${mark}`) : ""}</td></tr>`;
      })}</tbody>
    </table></div>
  <//>`;
}
