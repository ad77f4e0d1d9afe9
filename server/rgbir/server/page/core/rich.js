/** Texts with emphasis: `**strong**`, and `*an action*` that is a button. */

import { html } from "./html.js";

/**
 * @param {string} text
 * @param {() => void} [action] what its `*words*` do
 */
export function rich(text, action) {
  return text
    .split(/(\*\*[^*]+\*\*|\*[^*]+\*)/)
    .filter(Boolean)
    .map((part) => {
      if (part.startsWith("**")) return html`<strong>${part.slice(2, -2)}</strong>`;
      if (!part.startsWith("*")) return part;
      return action ? html`<button type="button" class="link" onClick=${action}>${part.slice(1, -1)}</button>` : part.slice(1, -1);
    });
}

/** @param {string} text without its marks, for where no element can stand */
export const plain = (text) => text.replace(/\*+/g, "");
