/** What can't be undone is confirmed by typing a word; the button knows the exact word only. */

import { html, useId, useState } from "./html.js";
import { rich } from "./rich.js";
import { t } from "./words.js";

/**
 * @param {{ word: string, onConfirm: () => void, busy?: boolean, children?: unknown }} props `children`: the button's text
 */
export function ConfirmTyped({ word, onConfirm, busy = false, children }) {
  const [typed, setTyped] = useState("");
  const id = useId();
  const fits = typed.trim() === word;
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (fits && !busy) onConfirm();
  };
  return html`<form class="confirm" onSubmit=${submit}>
    <label for=${id}>${rich("confirm.type", { word })}</label>
    <input id=${id} autocomplete="off" spellcheck=${false} value=${typed} onInput=${(/** @type {Event} */ event) => setTyped(/** @type {HTMLInputElement} */ (event.currentTarget).value)} />
    <button type="submit" class="danger" disabled=${!fits} aria-busy=${busy}>${busy ? t("confirm.busy") : children}</button>
  </form>`;
}
