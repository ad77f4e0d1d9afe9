/** A field for a number. What is being typed stays as it is; the number stands there again once the field is left. */

import { html, useState } from "./html.js";

/**
 * @param {{ value: number | string, onText: (text: string) => void, late?: boolean, [attribute: string]: unknown }} props
 *   `onText`: told what is typed, "" where that is no number; `late`: told once it is typed, not while
 */
export function NumberField({ value, onText, late = false, ...attributes }) {
  const [draft, setDraft] = useState(/** @type {string | null} */ (null));
  const text = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.currentTarget).value;
  return html`<input type="number" ...${attributes} value=${draft ?? String(value)}
    onInput=${(/** @type {Event} */ event) => {
      setDraft(text(event));
      if (!late) onText(text(event));
    }}
    onChange=${(/** @type {Event} */ event) => late && onText(text(event))} onBlur=${() => setDraft(null)} />`;
}
