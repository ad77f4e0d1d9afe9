/** Filters as chips; each opens its editor. */

import { html, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { listed, period, t } from "../core/words.js";
import { Later } from "../shell/later.js";
import { useApp } from "../shell/state.js";
import { PLAIN, fromParams } from "./question.js";

/** @typedef {import("./question.js").Question} Question */
/** @typedef {{ name: string, fields: (keyof Question)[], value: (question: Question) => string, always: boolean }} Filter */

const EDITOR = () => import("./editors.js");

/** @type {Filter[]} */
export const FILTERS = [
  { name: "cameras", fields: ["cameras"], always: true, value: (question) => listed(question.cameras) },
  { name: "dates", fields: ["since", "until"], always: true, value: ({ since, until }) => period(since, until) },
  { name: "hours", fields: ["hours"], always: true, value: ({ hours }) => hours && `${hours.split(" ")[0].replace("-", "–")} ${zoneOf(hours)}` },
  { name: "passages", fields: ["passages"], always: true, value: (question) => (question.passages === PLAIN.passages ? "" : t(`passages.${question.passages}`)) },
  { name: "track", fields: ["track"], always: false, value: (question) => question.track },
  { name: "least", fields: ["least"], always: false, value: (question) => (question.least ? String(question.least) : "") },
  { name: "group", fields: ["group", "fuse"], always: false, value: (question) => (question.group === "none" ? "" : t(`group.${question.group}`)) },
  { name: "rerank", fields: ["rerank"], always: false, value: (question) => (question.rerank === PLAIN.rerank ? "" : t(`rerank.${question.rerank}`)) },
  { name: "k", fields: ["k"], always: false, value: (question) => (question.k === PLAIN.k ? "" : String(question.k)) },
];

/** Hours that name no zone are UTC's. @param {string} hours */
export const zoneOf = (hours) => hours.split(" ")[1] ?? "UTC";

/** What takes a filter off again. @param {Filter} filter */
export const cleared = (filter) => /** @type {Partial<Question>} */ (Object.fromEntries(filter.fields.map((field) => [field, PLAIN[field]])));

export function Chips() {
  const asked = fromParams(useApp((state) => state.route.params));
  const lack = useApp((state) => state.lack);
  const [open, setOpen] = useState(/** @type {string | null} */ (null));
  const [more, setMore] = useState(false);
  useApp((state) => state.language);
  const shown = FILTERS.filter((filter) => filter.always || filter.value(asked));
  const others = FILTERS.filter((filter) => !shown.includes(filter));
  const editing = FILTERS.find((filter) => filter.name === open);
  return html`<div class="field" role="group" aria-labelledby="only-label">
    <span class="label" id="only-label">${t("only.label")}</span>
    <div class="chips">
      ${shown.map((filter) => {
        const value = filter.value(asked);
        return html`<button type="button" key=${filter.name} class="chip ${value ? "set" : ""}" aria-haspopup="dialog" onClick=${() => setOpen(filter.name)}>
          ${value ? html`${t(`chip.${filter.name}`)} <strong>${value}</strong>` : t(`chip.${filter.name}`)} <${Icon} name="down" size=${14} />
        </button>`;
      })}
      ${others.length > 0 &&
      html`<button type="button" class="chip" aria-expanded=${more} onClick=${() => setMore(!more)}><${Icon} name="add" size=${14} /> ${t("chip.add")}</button>`}
      ${more && others.map((filter) => html`<button type="button" key=${filter.name} class="chip" aria-haspopup="dialog" onClick=${() => setOpen(filter.name)}>${t(`chip.${filter.name}`)}</button>`)}
    </div>
    ${lack?.field === "dates" && html`<p class="problem" role="alert">${t(lack.code)}</p>`}
    ${editing && html`<${Later} load=${EDITOR} filter=${editing} asked=${asked} onClose=${() => setOpen(null)} />`}
  </div>`;
}
