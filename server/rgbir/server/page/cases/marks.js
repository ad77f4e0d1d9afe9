/** The three mark buttons, and a mark's badge: each has a word and a shape of its own. */

import { html } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { t } from "../core/words.js";
import { KINDS } from "./model.js";

/** @typedef {import("./model.js").MarkKind} MarkKind */

/** @type {Record<MarkKind, string>} */
export const SHAPES = { same: "check", unsure: "question", different: "close" };
/** @type {Record<MarkKind, string>} */
export const KEYS = { same: "S", unsure: "U", different: "D" };

/** @param {{ mark: MarkKind | undefined }} props */
export const MarkBadge = ({ mark }) => mark && html`<span class="mark-badge ${mark}"><${Icon} name=${SHAPES[mark]} size=${14} /><span class="unseen">${t("marked", { mark: t(`mark.${mark}`) })}</span></span>`;

/** "marked same" as a part of a name; nothing where there is no mark. @param {MarkKind | undefined} mark */
export const markedText = (mark) => (mark ? [t("marked", { mark: t(`mark.${mark}`) })] : []);

/**
 * @param {{ mark: MarkKind | undefined, onMark: (mark: MarkKind) => void, large?: boolean, stops?: boolean }} props
 *   `large`: with their words and keys; `stops`: whether the tab key stops here, or F2 leads here
 */
export function MarkButtons({ mark, onMark, large = false, stops = false }) {
  const press = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || large) return;
    const buttons = [.../** @type {HTMLElement} */ (event.currentTarget).querySelectorAll("button")];
    const next = buttons[buttons.indexOf(/** @type {HTMLButtonElement} */ (event.target)) + step];
    event.preventDefault();
    event.stopPropagation();
    next?.focus();
  };
  return html`<div class="mark-buttons ${large ? "large" : ""}" role="group" aria-label=${t("mark.label")} onKeyDown=${press} onClick=${(/** @type {Event} */ event) => event.stopPropagation()}>
    ${KINDS.map(
      (kind) => html`<button type="button" class=${kind} aria-pressed=${mark === kind} tabindex=${stops ? 0 : -1} title=${large ? undefined : t(`mark.${kind}`)} onClick=${() => onMark(kind)}>
        <${Icon} name=${SHAPES[kind]} size=${large ? 20 : 16} /> <span class=${large ? "" : "unseen"}>${t(`mark.${kind}`)}</span>${large && html` <span class="kbd" aria-hidden="true">${KEYS[kind]}</span>`}</button>`,
    )}
  </div>`;
}
