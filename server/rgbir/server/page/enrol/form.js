/** What is known of the images: camera, time, track, identity. It holds for all that wait. */

import { html, useEffect } from "../core/html.js";
import { t } from "../core/words.js";
import { MomentField } from "../search/taken.js";
import { useApp } from "../shell/state.js";
import { enrolment, label, useEnrolment } from "./run.js";

/** @typedef {import("./rows.js").Labels} Labels */

const TIMES = /** @type {Labels["times"][]} */ (["none", "name", "file", "hand"]);
const typed = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.currentTarget).value;

/** What is lacking, at its field. @param {{ field: string }} props */
export function Lack({ field }) {
  const lack = useEnrolment((state) => state.lack);
  return lack?.field === field ? html`<p class="problem" id=${`enrol-${field}-problem`} role="alert">${t(lack.code)}</p>` : null;
}

export function LabelForm() {
  const network = useApp((state) => state.network);
  const wanted = useApp((state) => state.route.params.get("camera"));
  const labels = useEnrolment((state) => state.labels);
  const lack = useEnrolment((state) => state.lack);
  const confirmed = useEnrolment((state) => state.confirmed);
  const busy = useEnrolment((state) => state.phase !== "idle");
  const cameras = network?.cameras ?? [];
  useEffect(() => {
    if (wanted && !enrolment.get().labels.camera && cameras.some((camera) => camera.id === wanted)) label({ camera: wanted });
  }, [wanted, network]);
  useEffect(() => {
    if (lack) document.getElementById(`enrol-${lack.field}`)?.focus();
  }, [lack]);
  const problem = (/** @type {string} */ field) => (lack?.field === field ? `enrol-${field}-problem` : undefined);
  return html`<fieldset class="labels" disabled=${busy}>
    <legend class="unseen">${t("enrol.labels")}</legend>
    <div class="field">
      <label class="label" for="enrol-camera">${t("enrol.camera")} <span class="needed">${t("enrol.needed")}</span></label>
      <select id="enrol-camera" aria-describedby=${problem("camera")} onChange=${(/** @type {Event} */ event) => label({ camera: typed(event) })}>
        <option value="" selected=${labels.camera === ""}>${t("enrol.camera.none")}</option>
        ${cameras.map((camera) => html`<option value=${camera.id} selected=${camera.id === labels.camera}>${camera.id}, ${camera.place} (${camera.modalities.map((each) => t(`tag.${each}`)).join(", ")})</option>`)}
      </select>
      <${Lack} field="camera" />
    </div>
    <fieldset class="field choices">
      <legend class="label">${t("enrol.times")}</legend>
      ${TIMES.map((each) => html`<label><input type="radio" name="times" value=${each} checked=${labels.times === each} onChange=${() => label({ times: each })} /> ${t(`enrol.times.${each}`)}</label>`)}
    </fieldset>
    ${labels.times === "hand" &&
    html`<div class="field"><label class="label" for="enrol-at">${t("enrol.at")}</label>
      <${MomentField} id="enrol-at" value=${labels.at} onChange=${(/** @type {string} */ iso) => label({ at: iso })} /><${Lack} field="at" /></div>`}
    ${labels.times === "file" &&
    html`<div class="field caution"><p>${t("enrol.times.doubt")}</p>
      <label class="check"><input type="checkbox" id="enrol-confirmed" checked=${confirmed} aria-describedby=${problem("confirmed")} onChange=${(/** @type {Event} */ event) => enrolment.set({ confirmed: /** @type {HTMLInputElement} */ (event.currentTarget).checked, lack: null })} /> ${t("enrol.times.confirm")}</label>
      <${Lack} field="confirmed" /></div>`}
    <div class="pair">
      <div class="field"><label class="label" for="enrol-track">${t("enrol.track")} <span class="soft">${t("enrol.optional")}</span></label>
        <input id="enrol-track" maxlength="1000" autocomplete="off" value=${labels.track} onInput=${(/** @type {Event} */ event) => label({ track: typed(event) })} /></div>
      <div class="field"><label class="label" for="enrol-identity">${t("enrol.identity")} <span class="soft">${t("enrol.optional")}</span></label>
        <input id="enrol-identity" inputmode="numeric" autocomplete="off" value=${labels.identity} aria-describedby=${problem("identity")} onInput=${(/** @type {Event} */ event) => label({ identity: typed(event) })} /><${Lack} field="identity" /></div>
    </div>
  </fieldset>`;
}
