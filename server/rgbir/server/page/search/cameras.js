/** The cameras to choose from: a list with places and tags, or the plan; or that it isn't known which. */

import { Dialog } from "../core/dialog.js";
import { html, useEffect, useRef, useState } from "../core/html.js";
import { t } from "../core/words.js";
import { Later } from "../shell/later.js";
import { useApp } from "../shell/state.js";
import { change } from "./actions.js";
import { Tags } from "./camera.js";
import { fromParams } from "./question.js";

/** @typedef {import("../core/types.js").CameraInfo} CameraInfo */

const PICKER = () => import("../plan/picker.js");

/** @param {{ cameras: CameraInfo[], chosen: string, onClose: () => void }} props */
export default function CameraDialog({ cameras, chosen, onClose }) {
  const { at } = fromParams(useApp((state) => state.route.params));
  const [filter, setFilter] = useState("");
  const [tab, setTab] = useState("list");
  const wanted = filter.trim().toLowerCase();
  const listed = cameras.filter((camera) => [camera.id, camera.place, ...(camera.aliases ?? [])].some((name) => name.toLowerCase().includes(wanted)));
  const choose = (/** @type {Partial<import("./question.js").Question>} */ fields) => {
    change({ camera: "", modality: "", ...fields });
    onClose();
  };
  const footer = html`<span>${t("camera.unknown")}. ${t("camera.unknown.help")}</span>
    <button type="button" onClick=${() => choose({ modality: "ir" })}><span class="tag ir">${t("tag.ir")}</span></button>
    <button type="button" onClick=${() => choose({ modality: "rgb" })}><span class="tag rgb">${t("tag.rgb")}</span></button>`;
  const turn = (/** @type {KeyboardEvent} */ event) => {
    if (!["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    const next = event.key === "Home" ? "list" : event.key === "End" ? "plan" : tab === "list" ? "plan" : "list";
    setTab(next);
    document.getElementById(`camera-tab-${next}`)?.focus();
  };
  const tabs = html`<div class="segments tabs" role="tablist" aria-label=${t("camera.label")} onKeyDown=${turn}>
    ${["list", "plan"].map((name) => html`<button type="button" role="tab" id=${`camera-tab-${name}`} aria-selected=${tab === name} aria-controls="camera-panel" tabindex=${tab === name ? 0 : -1} onClick=${() => setTab(name)}>${t(name === "list" ? "camera.tab" : "view.plan")}</button>`)}
  </div>`;
  if (tab === "plan") {
    return html`<${Dialog} title=${t("camera.label")} onClose=${onClose} footer=${footer} className="wide">
      ${tabs}
      <div role="tabpanel" id="camera-panel" aria-labelledby="camera-tab-plan"><${Later} load=${PICKER} meanwhile=${html`<p class="state">${t("loading")}</p>`} chosen=${chosen} at=${at} onChoose=${(/** @type {string} */ id) => choose({ camera: id })} /></div>
    <//>`;
  }
  return html`<${Dialog} title=${t("camera.label")} onClose=${onClose} footer=${footer}>
    ${tabs}
    <div role="tabpanel" id="camera-panel" aria-labelledby="camera-tab-list">
    <label class="filter">${t("camera.filter")}
      <input type="search" value=${filter} autocomplete="off" onInput=${(/** @type {Event} */ event) => setFilter(/** @type {HTMLInputElement} */ (event.currentTarget).value)}
        onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
          if (event.key === "Enter" && listed.length === 1) {
            event.preventDefault();
            choose({ camera: listed[0].id });
          }
        }} />
    </label>
    <${Listbox} label=${t("camera.list")} chosen=${chosen} onChoose=${(/** @type {string} */ id) => choose({ camera: id })}
      options=${listed.map((camera) => ({
        value: camera.id,
        content: html`<strong>${camera.id}</strong> <span>${camera.place}</span> <${Tags} modalities=${camera.modalities} />${(camera.places ?? []).length > 1 ? html` <small>${t("camera.moved")}</small>` : ""}`,
      }))} />
    ${listed.length === 0 && html`<p class="note">${t("camera.nothing")}</p>`}
    </div>
  <//>`;
}

/**
 * A list of which one is chosen: one tab stop, arrows move, Enter and Space choose.
 * @param {{ label: string, chosen: string, options: { value: string, content: unknown }[], onChoose: (value: string) => void }} props
 */
function Listbox({ label, chosen, options, onChoose }) {
  const [active, setActive] = useState(Math.max(0, options.findIndex((option) => option.value === chosen)));
  const list = useRef(/** @type {HTMLUListElement | null} */ (null));
  const at = Math.min(active, options.length - 1);
  useEffect(() => list.current?.querySelector(`[data-at="${at}"]`)?.scrollIntoView({ block: "nearest" }), [at]);
  const press = (/** @type {KeyboardEvent} */ event) => {
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: options.length - 1 }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      setActive(Math.min(Math.max(next, 0), options.length - 1));
    } else if ((event.key === "Enter" || event.key === " ") && options[at]) {
      event.preventDefault();
      onChoose(options[at].value);
    }
  };
  if (!options.length) return null;
  return html`<ul class="listbox" role="listbox" tabindex="0" aria-label=${label} aria-activedescendant=${`option-${at}`} ref=${list} onKeyDown=${press}>
    ${options.map(
      (option, place) => html`<li role="option" id=${`option-${place}`} data-at=${place} key=${option.value} aria-selected=${option.value === chosen} class=${place === at ? "active" : ""}
        onClick=${() => onChoose(option.value)}>${option.content}</li>`,
    )}
  </ul>`;
}
