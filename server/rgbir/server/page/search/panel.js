/** The ask panel: pictures, camera, when, filters, why, Search. Below 768 pixels it folds into one row. */

import { html, useEffect, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { moment, t } from "../core/words.js";
import { Barred } from "../cases/barred.js";
import { barred } from "../cases/model.js";
import { useCase } from "../cases/state.js";
import { may, store, useApp } from "../shell/state.js";
import { cancel, search } from "./actions.js";
import { CameraField, Tags } from "./camera.js";
import { CaseField } from "../cases/field.js";
import { Chips } from "./chips.js";
import { fromParams } from "./question.js";
import { ShotStrip } from "./shots.js";
import { TakenField } from "./taken.js";

export function Panel() {
  const answer = useApp((state) => state.answer);
  const phase = useApp((state) => state.phase);
  const lack = useApp((state) => state.lack);
  const [open, setOpen] = useState(true);
  // On a phone the question folds away once there is an answer.
  useEffect(() => setOpen(answer === null), [answer]);
  useEffect(() => {
    if (!lack) return;
    setOpen(true);
    const field = { shots: "add", camera: "camera", purpose: "purpose", case: "case", dates: "" }[lack.field];
    if (field) document.getElementById(field)?.focus();
  }, [lack]);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    // A dialog's own form stands within this one, and what it sends comes by here.
    if (event.target === event.currentTarget) void search();
  };
  // Enter asks, from wherever nothing else wants it.
  const enter = (/** @type {KeyboardEvent} */ event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.key === "Enter" && !event.isComposing && target.closest("button, dialog, textarea, [role=listbox], a") === null) {
      event.preventDefault();
      void search();
    }
  };
  return html`<form class="panel ${open ? "open" : "folded"}" aria-labelledby="ask-title" noValidate onSubmit=${submit} onKeyDown=${enter}>
    <${Folded} onChange=${() => setOpen(true)} />
    <div class="panel-scroll">
      <h2 id="ask-title">${t("ask.title")}</h2>
      <${ShotStrip} />
      <${CameraField} />
      <${TakenField} />
      <${Chips} />
    </div>
    <${Foot} phase=${phase} />
  </form>`;
}

/** The question in one row, for phones. @param {{ onChange: () => void }} props */
function Folded({ onChange }) {
  const shots = useApp((state) => state.shots);
  const network = useApp((state) => state.network);
  const { camera, at } = fromParams(useApp((state) => state.route.params));
  const chosen = network?.cameras.find((each) => each.id === camera);
  return html`<div class="question-row">
    ${shots[0]?.shows && html`<img src=${shots[0].url} alt="" />`}
    <div>
      <strong>${chosen ? `${chosen.place}, ${t("camera.named", { c: chosen.id })}` : ""}</strong> ${chosen && html`<${Tags} modalities=${chosen.modalities} />`}
      <div class="soft">${at ? moment(at) : ""}</div>
    </div>
    <button type="button" onClick=${onChange}>${t("change")}</button>
  </div>`;
}

/** @param {{ phase: string }} props */
function Foot({ phase }) {
  const purpose = useApp((state) => state.purpose);
  const caseName = useApp((state) => state.case);
  const me = useApp((state) => state.me);
  const lack = useApp((state) => state.lack);
  const needed = me?.needs_purpose ?? false;
  const logged = me?.logged ?? true;
  const runs = phase === "searching" || phase === "waiting";
  const missing = lack?.field === "purpose";
  const keeps = may("cases");
  const closed = useCase((state) => barred(state.current) !== null);
  const typed = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.currentTarget).value;
  return html`<div class="panel-foot">
    ${logged &&
    html`<div class="why">
      <label class="label" for="purpose">${t("why.purpose")} <span class=${needed ? "needed" : "soft"}>${t(needed ? "why.needed" : "why.optional")}</span></label>
      <input id="purpose" maxlength="500" autocomplete="off" value=${purpose} required=${needed} aria-invalid=${missing} aria-describedby=${missing ? "purpose-problem" : undefined} onInput=${(/** @type {Event} */ event) => store.set({ purpose: typed(event), lack: null })} />
      ${missing && html`<p class="problem" id="purpose-problem" role="alert">${t("need.purpose")}</p>`}
      ${keeps
        ? html`<${CaseField} />`
        : html`<label class="label" for="case">${t("why.case")}</label>
          <input id="case" maxlength="100" autocomplete="off" value=${caseName} onInput=${(/** @type {Event} */ event) => store.set({ case: typed(event) })} />`}
    </div>`}
    ${closed && !runs
      ? html`<${Barred} />`
      : runs
      ? html`<button type="button" class="primary large" id="go" onClick=${cancel}>${t("go.running")} <span class="kbd">${t("go.cancel")}</span></button>`
      : html`<button type="submit" class="primary large" id="go"><${Icon} name="search" /> ${t("go")} <span class="kbd" aria-hidden="true">Enter</span></button>`}
  </div>`;
}
