/** Filters of the gallery as chips. An editor keeps its own draft and applies on Apply. */

import { Dialog } from "../core/dialog.js";
import { html, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { NumberField } from "../core/number.js";
import { listed, period, t, zone } from "../core/words.js";
import { Tags } from "../search/camera.js";
import { MomentField } from "../search/taken.js";
import { useApp } from "../shell/state.js";
import { setOnes } from "./filters.js";

/** @typedef {import("./filters.js").Filters} Filters */
/** @typedef {"cameras" | "dates" | "track" | "identity"} Name */

/** @type {Name[]} */
const NAMES = ["cameras", "dates", "track", "identity"];

/** @param {Filters} filters @param {Name} name */
function valueOf({ cameras, since, until, track, identity }, name) {
  if (name === "cameras") return cameras.length ? listed(cameras) : "";
  if (name === "track") return track;
  if (name === "identity") return identity;
  return period(since, until);
}

/** @param {{ filters: Filters, onFilters: (change: Partial<Filters>) => void }} props */
export function Chips({ filters, onFilters }) {
  const [open, setOpen] = useState(/** @type {Name | null} */ (null));
  return html`<div class="chips" role="group" aria-label=${t("gallery.filters")}>
    ${NAMES.map((name) => {
      const value = valueOf(filters, name);
      return html`<button type="button" key=${name} class="chip ${value ? "set" : ""}" aria-haspopup="dialog" onClick=${() => setOpen(name)}>${t(`chip.${name}`)} ${value && html`<strong>${value}</strong>`} <${Icon} name="down" size=${14} /></button>`;
    })}
    ${open && html`<${Editor} name=${open} filters=${filters} onClose=${() => setOpen(null)} onApply=${(/** @type {Partial<Filters>} */ change) => (setOpen(null), onFilters(change))} />`}
  </div>`;
}

/** @param {{ name: Name, filters: Filters, onClose: () => void, onApply: (change: Partial<Filters>) => void }} props */
function Editor({ name, filters, onClose, onApply }) {
  const [draft, setDraft] = useState(filters);
  const edit = (/** @type {Partial<Filters>} */ part) => setDraft({ ...draft, ...part });
  const turned = name === "dates" && draft.since !== "" && draft.until !== "" && draft.since >= draft.until;
  const none = setOnes({ ...filters, cameras: ["?"], since: "?", track: "?", identity: "?" }).find((each) => each.name === name)?.without ?? {};
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (turned) return;
    onApply(Object.fromEntries(Object.keys(none).map((field) => [field, draft[/** @type {keyof Filters} */ (field)]])));
  };
  const footer = html`<button type="button" onClick=${() => onApply(none)}>${t("chip.clear")}</button>
    <span class="grow"></span>
    <button type="button" onClick=${onClose}>${t("chip.cancel")}</button>
    <button type="submit" form="gallery-form" class="primary">${t("chip.apply")}</button>`;
  return html`<${Dialog} title=${t(`chip.${name}`)} onClose=${onClose} footer=${footer}>
    <form id="gallery-form" onSubmit=${submit}>
      <${Fields} name=${name} draft=${draft} edit=${edit} />
      ${turned && html`<p class="problem" role="alert">${t("dates.turned")}</p>`}
    </form>
  <//>`;
}

/** @param {{ name: Name, draft: Filters, edit: (part: Partial<Filters>) => void }} props */
function Fields({ name, draft, edit }) {
  const network = useApp((state) => state.network);
  const typed = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.currentTarget).value;
  if (name === "cameras") {
    return html`<ul class="checks">${(network?.cameras ?? []).map((camera) => html`<li><label><input type="checkbox" checked=${draft.cameras.includes(camera.id)}
      onChange=${() => edit({ cameras: draft.cameras.includes(camera.id) ? draft.cameras.filter((id) => id !== camera.id) : [...draft.cameras, camera.id] })} />
      <strong>${camera.id}</strong> ${camera.place} <${Tags} modalities=${camera.modalities} /></label></li>`)}</ul>`;
  }
  if (name === "dates") {
    return html`${/** @type {const} */ (["since", "until"]).map((end) => html`<div class="field"><label class="label" for=${`gallery-${end}`}>${t(`dates.${end}`)}</label>
        <${MomentField} id=${`gallery-${end}`} value=${draft[end]} onChange=${(/** @type {string} */ iso) => edit({ [end]: iso })} /></div>`)}
      <p class="note">${t("dates.zone", { zone: zone() })}</p>`;
  }
  if (name === "track") return html`<label>${t("track.help")} <input type="text" maxlength="200" value=${draft.track} onInput=${(/** @type {Event} */ event) => edit({ track: typed(event) })} /></label>`;
  return html`<label>${t("gallery.identity.help")} <${NumberField} min="0" step="1" value=${draft.identity} onText=${(/** @type {string} */ text) => edit({ identity: /^\d+$/.test(text) ? text : "" })} /></label>`;
}
