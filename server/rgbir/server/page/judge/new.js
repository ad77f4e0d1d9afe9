/** A new draw: two cameras, and how many pairs. */

import { ask, form } from "../core/api.js";
import { Dialog } from "../core/dialog.js";
import { html, useEffect, useState } from "../core/html.js";
import { t } from "../core/words.js";
import { Trouble } from "../shell/load.js";
import { refused, useApp } from "../shell/state.js";
import { LEAST, MOST, lackOfDraw, othersOf } from "./model.js";

/** @typedef {import("./model.js").Draft} Draft */

const typed = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.currentTarget).value;

/** @param {{ onClose: () => void, onMade: (draw: import("./model.js").Draw) => void }} props */
export function NewDraw({ onClose, onMade }) {
  const network = useApp((state) => state.network);
  const [draft, setDraft] = useState(/** @type {Draft} */ ({ query: "", other: "", count: "50" }));
  const [lack, setLack] = useState(/** @type {keyof Draft | null} */ (null));
  const [failure, setFailure] = useState(/** @type {unknown} */ (null));
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (lack) document.getElementById(`draw-${lack}`)?.focus();
  }, [lack]);
  const cameras = network?.cameras ?? [];
  const set = (/** @type {Partial<Draft>} */ change) => {
    setDraft({ ...draft, ...change });
    setLack(null);
  };
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const missing = lackOfDraw(draft);
    setLack(missing);
    if (missing || busy) return;
    setBusy(true);
    try {
      onMade(await ask("judgements", { method: "POST", body: form({ query_camera: draft.query, other_camera: draft.other, count: draft.count.trim() }) }));
    } catch (error) {
      refused(error);
      setFailure(error);
      setBusy(false);
    }
  };
  const problem = (/** @type {keyof Draft} */ field) => lack === field && html`<p class="problem" id=${`draw-${field}-problem`} role="alert">${t(`judge.need.${field}`, { least: LEAST, most: MOST })}</p>`;
  const camera = (/** @type {"query" | "other"} */ field, /** @type {string} */ text, /** @type {typeof cameras} */ choices) => html`<div class="field"><label class="label" for=${`draw-${field}`}>${text}</label>
    <select id=${`draw-${field}`} aria-invalid=${lack === field} aria-describedby=${lack === field ? `draw-${field}-problem` : undefined} onChange=${(/** @type {Event} */ event) => set(field === "query" ? { query: typed(event), other: "" } : { other: typed(event) })}>
      <option value="" selected=${draft[field] === ""}>${t("judge.choose")}</option>
      ${choices.map((each) => html`<option key=${each.id} value=${each.id} selected=${each.id === draft[field]}>${each.id}, ${each.place}</option>`)}
    </select>${problem(field)}</div>`;
  return html`<${Dialog} title=${t("judge.new")} onClose=${onClose} stays=${true} footer=${html`<button type="button" onClick=${onClose}>${t("close")}</button><button type="submit" form="draw-form" class="primary" aria-busy=${busy}>${t("judge.draw")}</button>`}>
    <${Trouble} failure=${failure} />
    <form id="draw-form" noValidate onSubmit=${submit}>
      ${camera("query", t("judge.query"), cameras)}
      ${camera("other", t("judge.other.camera"), othersOf(cameras, draft.query))}
      <div class="field"><label class="label" for="draw-count">${t("judge.count")}</label>
        <input id="draw-count" inputmode="numeric" autocomplete="off" value=${draft.count} aria-invalid=${lack === "count"} aria-describedby=${lack === "count" ? "draw-count-problem" : "draw-count-note"} onInput=${(/** @type {Event} */ event) => set({ count: typed(event) })} />
        <p class="note" id="draw-count-note">${t("judge.count.note", { least: LEAST, most: MOST })}</p>${problem("count")}</div>
    </form>
  <//>`;
}
