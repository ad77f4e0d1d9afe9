/** The editor of a filter. It keeps its own draft; the question changes on Apply, never while it is edited. */

import { Dialog } from "../core/dialog.js";
import { html, useState } from "../core/html.js";
import { NumberField } from "../core/number.js";
import { t, zone } from "../core/words.js";
import { useApp } from "../shell/state.js";
import { change } from "./actions.js";
import { Tags } from "./camera.js";
import { cleared, zoneOf } from "./chips.js";
import { MOST_HITS, PLAIN, RERANKERS } from "./question.js";
import { MomentField } from "./taken.js";

/** @typedef {import("./question.js").Question} Question */
/** @typedef {import("./chips.js").Filter} Filter */

/** @param {{ filter: Filter, asked: Question, onClose: () => void }} props */
export default function Editor({ filter, asked, onClose }) {
  const [draft, setDraft] = useState(/** @type {Partial<Question>} */ (Object.fromEntries(filter.fields.map((field) => [field, asked[field]]))));
  const edit = (/** @type {Partial<Question>} */ part) => setDraft({ ...draft, ...part });
  const apply = (/** @type {Partial<Question>} */ fields) => {
    change(fields);
    onClose();
  };
  const Fields = EDITORS[filter.name];
  const turned = draft.since && draft.until && draft.since >= draft.until;
  const footer = html`<button type="button" onClick=${() => apply(cleared(filter))}>${t("chip.clear")}</button>
    <span class="grow"></span>
    <button type="button" onClick=${onClose}>${t("chip.cancel")}</button>
    <button type="submit" form="chip-form" class="primary">${t("chip.apply")}</button>`;
  return html`<${Dialog} title=${t(`chip.${filter.name}`)} onClose=${onClose} footer=${footer}>
    <form id="chip-form" onSubmit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      if (!turned) apply(draft);
    }}>
      <${Fields} draft=${draft} edit=${edit} />
      ${turned && html`<p class="problem" role="alert">${t("dates.turned")}</p>`}
    </form>
  <//>`;
}

/** @typedef {{ draft: Partial<Question>, edit: (part: Partial<Question>) => void }} Fields */
const typed = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.currentTarget).value;

/** @type {Record<string, (props: Fields) => unknown>} */
const EDITORS = {
  cameras({ draft, edit }) {
    const network = useApp((state) => state.network);
    const chosen = draft.cameras ?? [];
    return html`<ul class="checks">
      ${(network?.cameras ?? []).map(
        (camera) => html`<li><label><input type="checkbox" checked=${chosen.includes(camera.id)}
          onChange=${() => edit({ cameras: chosen.includes(camera.id) ? chosen.filter((id) => id !== camera.id) : [...chosen, camera.id] })} />
          <strong>${camera.id}</strong> ${camera.place} <${Tags} modalities=${camera.modalities} /></label></li>`,
      )}
    </ul>`;
  },
  dates: ({ draft, edit }) => html`<div class="field"><label class="label" for="since">${t("dates.since")}</label>
      <${MomentField} id="since" value=${draft.since ?? ""} onChange=${(/** @type {string} */ since) => edit({ since })} /></div>
    <div class="field"><label class="label" for="until">${t("dates.until")}</label>
      <${MomentField} id="until" value=${draft.until ?? ""} onChange=${(/** @type {string} */ until) => edit({ until })} /></div>
    <p class="note">${t("dates.zone", { zone: zone() })}</p>`,
  hours({ draft, edit }) {
    const [from = "", to = ""] = (draft.hours ?? "").split(" ")[0].split("-");
    const its = draft.hours ? zoneOf(draft.hours) : zone();
    const set = (/** @type {string} */ one, /** @type {string} */ other) => edit({ hours: one || other ? `${one || "00:00"}-${other || "00:00"} ${its}` : "" });
    return html`<div class="pair">
        <label>${t("hours.from")} <input type="time" value=${from} onInput=${(/** @type {Event} */ event) => set(typed(event), to)} /></label>
        <label>${t("hours.to")} <input type="time" value=${to} onInput=${(/** @type {Event} */ event) => set(from, typed(event))} /></label>
      </div>
      <p class="note">${t("hours.help")} ${t("dates.zone", { zone: its })}</p>`;
  },
  passages: ({ draft, edit }) => html`<${Choices} name="passages" label=${t("chip.passages")} values=${["filter", "rank", "off"]} value=${draft.passages} onChange=${(/** @type {string} */ passages) => edit({ passages })} />`,
  track: ({ draft, edit }) => html`<label>${t("track.help")} <input type="text" maxlength="200" value=${draft.track} onInput=${(/** @type {Event} */ event) => edit({ track: typed(event) })} /></label>`,
  least: ({ draft, edit }) => html`<label>${t("least.help")} <${NumberField} min="0" max="1" step="0.01" value=${draft.least ?? 0} onText=${(/** @type {string} */ text) => edit({ least: Number(text) })} /></label>`,
  group: ({ draft, edit }) => html`<${Choices} name="group" label=${t("chip.group")} values=${["none", "identity", "track", "camera"]} value=${draft.group} onChange=${(/** @type {string} */ group) => edit({ group, fuse: group === "track" ? draft.fuse : PLAIN.fuse })} />
    ${draft.group === "track" && html`<p>${t("fuse.label")}</p><${Choices} name="fuse" label=${t("fuse.label")} values=${["best", "mean"]} value=${draft.fuse} onChange=${(/** @type {string} */ fuse) => edit({ fuse })} />`}`,
  rerank: ({ draft, edit }) => html`<${Choices} name="rerank" label=${t("chip.rerank")} values=${RERANKERS} value=${draft.rerank} onChange=${(/** @type {string} */ rerank) => edit({ rerank })} />
    <p class="note">${t("rerank.help")}</p>`,
  k: ({ draft, edit }) => html`<label>${t("k.help", { most: MOST_HITS })} <${NumberField} min="1" max=${MOST_HITS} value=${draft.k ?? PLAIN.k} onText=${(/** @type {string} */ text) => edit({ k: Number(text) || PLAIN.k })} /></label>`,
};

/** @param {{ name: string, label: string, values: string[], value: string | undefined, onChange: (value: string) => void }} props */
const Choices = ({ name, label, values, value, onChange }) => html`<fieldset class="choices"><legend class="unseen">${label}</legend>
  ${values.map((each) => html`<label><input type="radio" name=${name} checked=${each === value} onChange=${() => onChange(each)} /> ${t(`${name}.${each}`)}</label>`)}
</fieldset>`;
