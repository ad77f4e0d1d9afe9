/** Texts with emphasis: `**strong**`, and `*an action*` that is a button. What is put into a text is never read as a mark. */

import { html } from "./html.js";
import { filled, template } from "./words.js";

/**
 * A text of the table in parts. Its marks are read before its values are put in.
 * @param {string} code
 * @param {Record<string, unknown>} [values]
 * @returns {{ mark: "" | "strong" | "action", text: string }[]}
 */
export const parts = (code, values = {}) =>
  template(code, values)
    .split(/(\*\*[^*]+\*\*|\*[^*]+\*)/)
    .filter(Boolean)
    .map((part) => {
      const width = part.startsWith("**") ? 2 : part.startsWith("*") ? 1 : 0;
      return { mark: /** @type {const} */ (["", "action", "strong"])[width], text: filled(part.slice(width, part.length - width), values) };
    });

/**
 * @param {string} code
 * @param {Record<string, unknown>} [values]
 * @param {() => void} [action] what its `*words*` do
 */
export const rich = (code, values = {}, action = undefined) =>
  parts(code, values).map(({ mark, text }) => {
    if (mark === "strong") return html`<strong>${text}</strong>`;
    return mark === "action" && action ? html`<button type="button" class="link" onClick=${action}>${text}</button>` : text;
  });

/** A text without its marks, for where no element can stand. @param {string} code @param {Record<string, unknown>} [values] */
export const plain = (code, values = {}) => parts(code, values).map(({ text }) => text).join("");
