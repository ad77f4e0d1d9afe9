/** A new case: what it is about, why, on which basis, for how long, and who is let in. */

import { ask, form } from "../core/api.js";
import { Dialog } from "../core/dialog.js";
import { html, useEffect, useState } from "../core/html.js";
import { t } from "../core/words.js";
import { useApp } from "../shell/state.js";
import { caseFields, lackOfCase } from "./model.js";
import { casing } from "./state.js";
import { reason } from "./work.js";

/** @typedef {import("./model.js").Draft} Draft */

const typed = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.currentTarget).value;

/** The legal basis: a choice where the server names them. @param {{ id: string, value: string, described?: string, onChange: (value: string) => void }} props */
export function BasisField({ id, value, described, onChange }) {
  const me = useApp((state) => state.me);
  const bases = me?.bases ?? [];
  return html`<label class="label" for=${id}>${t("case.basis")} <span class=${me?.needs_basis ? "needed" : "soft"}>${t(me?.needs_basis ? "why.needed" : "new.optional")}</span></label>
    ${bases.length
      ? html`<select id=${id} aria-describedby=${described} value=${value} onChange=${(/** @type {Event} */ event) => onChange(typed(event))}>
          <option value="">${t("new.basis.none")}</option>${bases.map((basis) => html`<option value=${basis} selected=${basis === value}>${basis}</option>`)}</select>`
      : html`<input id=${id} maxlength="500" autocomplete="off" aria-describedby=${described} value=${value} onInput=${(/** @type {Event} */ event) => onChange(typed(event))} />`}`;
}

/** @param {{ onClose: () => void, onMade: (head: import("../core/types.js").CaseHead) => void }} props */
export function NewCase({ onClose, onMade }) {
  const me = useApp((state) => state.me);
  const purpose = useApp((state) => state.purpose);
  const [draft, setDraft] = useState(/** @type {Draft} */ ({ number: "", title: "", purpose, basis: "", days: "", readers: "", workers: "", approver: "" }));
  const [lack, setLack] = useState(/** @type {{ field: keyof Draft, code: string } | null} */ (null));
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (lack) document.getElementById(`new-${lack.field}`)?.focus();
  }, [lack]);
  const set = (/** @type {Partial<Draft>} */ change) => {
    setDraft({ ...draft, ...change });
    setLack(null);
  };
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    event.stopPropagation();
    const missing = lackOfCase(draft, me ?? {}, me?.name ?? "");
    setLack(missing);
    if (missing || busy) return;
    setBusy(true);
    setFailure("");
    try {
      const made = await ask("cases", { method: "POST", body: form(caseFields(draft)) });
      casing.set((state) => ({ changes: state.changes + 1 }));
      onMade(made);
    } catch (error) {
      if (/** @type {any} */ (error).status === 409) setLack({ field: "number", code: "new.taken" });
      else setFailure(reason(error));
    }
    setBusy(false);
  };
  const problem = (/** @type {keyof Draft} */ field) => lack?.field === field && html`<p class="problem" id=${`new-${field}-problem`} role="alert">${t(lack.code)}</p>`;
  const field = (/** @type {keyof Draft} */ name, /** @type {Record<string, unknown>} */ more = {}, note = "") => html`<div class="field">
    <label class="label" for=${`new-${name}`}>${t(`new.${name}`)}</label>
    <input id=${`new-${name}`} maxlength="200" autocomplete="off" value=${draft[name]} aria-invalid=${lack?.field === name} aria-describedby=${[note && `new-${name}-note`, lack?.field === name && `new-${name}-problem`].filter(Boolean).join(" ") || undefined} onInput=${(/** @type {Event} */ event) => set({ [name]: typed(event) })} ...${more} />
    ${note && html`<p class="note" id=${`new-${name}-note`}>${note}</p>`}${problem(name)}</div>`;
  return html`<${Dialog} title=${t("case.new")} onClose=${onClose} stays=${true} footer=${html`<button type="button" onClick=${onClose}>${t("chip.cancel")}</button><button type="submit" form="case-form" class="primary" aria-busy=${busy}>${t("new.make")}</button>`}>
    ${failure && html`<p class="problem" role="alert">${failure}</p>`}
    <form id="case-form" noValidate onSubmit=${submit}>
      ${field("number", {}, t("new.number.note"))}
      ${field("title")}
      ${field("purpose", { maxlength: 500 })}
      <div class="field"><${BasisField} id="new-basis" value=${draft.basis} described=${lack?.field === "basis" ? "new-basis-problem" : undefined} onChange=${(/** @type {string} */ basis) => set({ basis })} />${problem("basis")}</div>
      ${field("days", { inputmode: "numeric", placeholder: String(me?.case_days ?? "") }, t("new.days.note", { n: me?.case_days ?? 0 }))}
      ${me?.keys && html`${field("workers", { maxlength: 2000 }, t("new.workers.note"))}${field("readers", { maxlength: 2000 }, t("new.readers.note"))}`}
      ${me?.needs_case && field("approver", {}, t("new.approver.note"))}
    </form>
  <//>`;
}
