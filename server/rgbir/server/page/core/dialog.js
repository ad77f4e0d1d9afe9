/** A dialog: focus goes in, Escape closes, focus comes back. The browser's own element does it. */

import { html, useEffect, useId, useRef } from "./html.js";
import { Icon } from "./icons.js";
import { t } from "./words.js";

/**
 * A second Escape closes a dialog past its `cancel`: then it is asked for as if that had been a first one.
 * @param {() => void} close
 */
export const onClosed = (close) => (/** @type {Event} */ event) => {
  const dialog = /** @type {HTMLDialogElement} */ (event.currentTarget);
  if (event.target === dialog && dialog.isConnected && !dialog.open) close();
};

/** Enter in a field that belongs to no form of the dialog would send the form around it. @param {KeyboardEvent} event */
function keepsEnter(event) {
  const field = event.target;
  const dialog = /** @type {HTMLElement} */ (event.currentTarget);
  if (event.key === "Enter" && field instanceof HTMLInputElement && field.form && !dialog.contains(field.form)) event.preventDefault();
}

/**
 * @param {{ title: string, onClose: () => void, children?: unknown, className?: string, footer?: unknown, stays?: boolean }} props
 *   `stays`: a click beside it doesn't close it
 */
export function Dialog({ title, onClose, children, className = "", footer, stays = false }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const id = useId();
  useEffect(() => {
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    element.current?.showModal();
    return () => before?.focus?.();
  }, []);
  const beside = (/** @type {MouseEvent} */ event) => {
    if (!stays && event.target === element.current) onClose();
  };
  return html`<dialog class="dialog ${className}" ref=${element} aria-labelledby=${id} onClick=${beside} onKeyDown=${keepsEnter} onClose=${onClosed(onClose)}
    onCancel=${(/** @type {Event} */ event) => {
      event.preventDefault();
      onClose();
    }}>
    <div class="dialog-inside">
      <header>
        <h2 id=${id}>${title}</h2>
        <button type="button" class="plain" aria-label=${t("close")} onClick=${onClose}><${Icon} name="close" /></button>
      </header>
      <div class="dialog-body">${children}</div>
      ${footer && html`<footer>${footer}</footer>`}
    </div>
  </dialog>`;
}
