/** What was just done, with the way back. It stays while it has the focus. */

import { html } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { t } from "../core/words.js";
import { casing, useCase } from "./state.js";
import { holdToast, undo } from "./work.js";

export function Toast() {
  const toast = useCase((state) => state.toast);
  // The place is always there, so that a screen reader notices what comes into it.
  return html`<div class="toast-place" role="status">${toast && html`<div class="toast ${toast.bad ? "bad" : ""}" role=${toast.bad ? "alert" : undefined} onFocusIn=${() => holdToast(true)} onFocusOut=${() => holdToast(false)}>
    <span>${toast.text}</span>
    ${toast.undo && html`<button type="button" onClick=${undo}><${Icon} name="undo" size=${16} /> ${t("undo")} <span class="kbd" aria-hidden="true">Z</span></button>`}
    <button type="button" class="plain" aria-label=${t("close")} onClick=${() => casing.set({ toast: null })}><${Icon} name="close" size=${14} /></button>
  </div>`}</div>`;
}
