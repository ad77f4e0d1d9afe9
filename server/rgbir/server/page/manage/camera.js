/** One camera's dialog: its fields, then what they change, then Save. */

import { ask, form } from "../core/api.js";
import { Dialog } from "../core/dialog.js";
import { html, useEffect, useRef, useState } from "../core/html.js";
import { moment, t } from "../core/words.js";
import { MomentField } from "../search/taken.js";
import { Trouble } from "../shell/load.js";
import { say } from "../shell/state.js";
import { failed } from "./network.js";
import { draftOf, edit, lackOf } from "./stays.js";

/** @typedef {import("../core/types.js").CameraInfo} CameraInfo */
/** @typedef {import("../core/types.js").Schemas["CameraChange"]} CameraChange */

const typed = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.currentTarget).value;

/** @param {{ camera: CameraInfo | null, plan: string | null, onClose: () => void, onSaved: () => Promise<void> }} props */
export function CameraDialog({ camera, plan, onClose, onSaved }) {
  const [draft, setDraft] = useState(() => draftOf(camera, new Date()));
  const [lack, setLack] = useState(/** @type {{ field: string, code: string } | null} */ (null));
  const [changes, setChanges] = useState(/** @type {CameraChange | null} */ (null));
  const [failure, setFailure] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const preview = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => preview.current?.focus(), [changes]);
  useEffect(() => {
    if (lack) document.getElementById(`camera-${lack.field}`)?.focus();
  }, [lack]);
  const set = (/** @type {Partial<import("./stays.js").Draft>} */ change) => {
    setDraft({ ...draft, ...change });
    setChanges(null);
    setLack(null);
    setFailure(null);
  };
  const send = async (/** @type {boolean} */ dry) => {
    const missing = lackOf(draft, camera, new Date());
    setLack(missing);
    if (missing) return;
    setBusy(true);
    try {
      const name = camera ? camera.id : draft.id.trim();
      const answer = /** @type {CameraChange} */ (await ask(`cameras/${encodeURIComponent(name)}?dry_run=${dry}`, { method: "PUT", body: form(edit(draft, camera, new Date())) }));
      setFailure(null);
      if (dry) setChanges(answer);
      else {
        await onSaved();
        say(t("camera.saved", { c: draft.id }));
        onClose();
      }
    } catch (error) {
      failed(setFailure)(error);
    }
    setBusy(false);
  };
  const problem = (/** @type {string} */ field) => lack?.field === field && html`<p class="problem" role="alert" id=${`camera-${field}-problem`}>${t(lack.code)}</p>`;
  const light = (/** @type {string} */ each) => html`<label class="check"><input type="checkbox" id=${`camera-${each}`} checked=${draft.modalities.includes(each)}
      onChange=${() => set({ modalities: draft.modalities.includes(each) ? draft.modalities.filter((one) => one !== each) : [...draft.modalities, each].sort() })} /> ${t(`light.${each}`)}</label>`;
  const footer = changes
    ? html`<button type="button" onClick=${() => setChanges(null)}>${t("camera.back")}</button><button type="button" class="primary" aria-busy=${busy} onClick=${() => send(false)}>${t("camera.save")}</button>`
    : html`<button type="button" onClick=${onClose}>${t("camera.cancel")}</button><button type="submit" form="camera-form" class="primary" aria-busy=${busy}>${t("camera.preview")}</button>`;
  return html`<${Dialog} title=${camera ? t("camera.change.of", { c: camera.id }) : t("camera.add")} onClose=${onClose} footer=${footer} stays=${true}>
    <${Trouble} failure=${failure} />
    ${changes && html`<section class="preview" tabindex="-1" ref=${preview} aria-labelledby="changes-title"><h3 id="changes-title">${t("camera.preview")}</h3><${Changes} changes=${changes} /></section>`}
    <form id="camera-form" hidden=${changes !== null} noValidate onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), void send(true))}>
      <label class="label" for="camera-id">${t(camera ? "camera.name" : "camera.id")}</label>
      <input id="camera-id" maxlength="200" autocomplete="off" value=${draft.id} aria-describedby=${camera ? "camera-id-note" : undefined} onInput=${(/** @type {Event} */ event) => set({ id: typed(event) })} />
      ${camera && html`<p class="note" id="camera-id-note">${t("camera.name.note")}</p>`}${problem("id")}
      <fieldset class="field choices"><legend class="label">${t("camera.light")}</legend>${light("rgb")}${light("ir")}</fieldset>${problem("rgb")}
      <div class="field"><label class="label" for="camera-place">${t("table.place")}</label>
        <input id="camera-place" maxlength="200" autocomplete="off" value=${draft.place} aria-describedby="camera-place-note" onInput=${(/** @type {Event} */ event) => set({ place: typed(event) })} />
        <p class="note" id="camera-place-note">${t("camera.place.note")}</p>${problem("place")}</div>
      <div class="field"><label class="label" for="camera-since">${t("camera.from")}</label>
        <${MomentField} id="camera-since" value=${draft.since} onChange=${(/** @type {string} */ since) => set({ since })} />
        <p class="note">${t(draft.since ? "camera.from.then" : "camera.from.always")}</p></div>
      <div class="field"><label class="label" for="camera-scene">${t("camera.scene")}</label>
        <select id="camera-scene" onChange=${(/** @type {Event} */ event) => set({ scene: typed(event) })}>
          ${["", "indoor", "outdoor"].map((each) => html`<option value=${each} disabled=${each === "" && draft.scene !== ""} selected=${each === draft.scene}>${t(`scene.${each || "unknown"}`)}</option>`)}
        </select></div>
      <fieldset class="field"><legend class="label">${t("camera.position")} <span class="soft">${plan ?? ""}</span></legend>
        <div class="pair">
          <label>x <input id="camera-x" inputmode="decimal" autocomplete="off" value=${draft.x} onInput=${(/** @type {Event} */ event) => set({ x: typed(event) })} /></label>
          <label>y <input id="camera-y" inputmode="decimal" autocomplete="off" value=${draft.y} onInput=${(/** @type {Event} */ event) => set({ y: typed(event) })} /></label>
        </div>${problem("x")}</fieldset>
      <div class="field"><label class="label" for="camera-recording">${t("camera.recording")}</label>
        <input id="camera-recording" inputmode="url" maxlength="1000" autocomplete="off" spellcheck=${false} value=${draft.recording} aria-describedby="camera-recording-note" onInput=${(/** @type {Event} */ event) => set({ recording: typed(event) })} />
        <p class="note" id="camera-recording-note">${t("camera.recording.note")}</p></div>
      <div class="field"><label class="label" for="camera-zones">${t("camera.zones")}</label>
        <input id="camera-zones" maxlength="20000" autocomplete="off" spellcheck=${false} value=${draft.zones} aria-describedby="camera-zones-note" onInput=${(/** @type {Event} */ event) => set({ zones: typed(event) })} />
        <p class="note" id="camera-zones-note">${t("camera.zones.note")}</p></div>
      <div class="field"><label class="label" for="camera-aliases">${t("camera.aliases")}</label>
        <input id="camera-aliases" autocomplete="off" value=${draft.aliases} onInput=${(/** @type {Event} */ event) => set({ aliases: typed(event) })} /></div>
    </form>
  <//>`;
}

/** What a change means for sightings. @param {{ changes: CameraChange }} props */
export function Changes({ changes }) {
  const unreached = changes.unreached ?? [];
  const moving = changes.touched.filter((each) => each.moved + each.untimed > 0);
  return html`${moving.length === 0 && html`<p>${t("camera.touches.none")}</p>`}
    <ul class="plain-list">
      ${moving.map(
        (each) => html`<li><strong>${t("camera.named", { c: each.camera })}</strong>: ${t("camera.touches.moved", { n: each.moved, total: each.sightings })}${each.untimed ? `; ${t("camera.touches.untimed", { n: each.untimed })}` : ""}${each.since ? ` (${t("camera.since", { time: moment(each.since, { year: true }) })})` : ""}</li>`,
      )}
    </ul>
    ${unreached.length > 0 && html`<p class="note">${t("camera.unreached", { list: unreached })}</p>`}`;
}
