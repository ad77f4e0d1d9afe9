/** A second person's word before the first search: approve, or refuse, which closes the case for good. */

import { ask, form } from "../core/api.js";
import { html, useState } from "../core/html.js";
import { t } from "../core/words.js";
import { casePath, casing } from "./state.js";
import { reason, refresh, tell } from "./work.js";

/** @param {{ of: import("../core/types.js").CaseHead }} props */
export function Approval({ of }) {
  const [sure, setSure] = useState(false);
  const decide = async (/** @type {boolean} */ approved) => {
    try {
      await ask(casePath(of.id, "/approval"), { method: "POST", body: form({ approved: String(approved) }) });
      tell(t(approved ? "approval.given" : "approval.refused"));
      void refresh();
    } catch (error) {
      tell(reason(error), { bad: true });
    }
    casing.set((state) => ({ changes: state.changes + 1 }));
  };
  return html`<div class="approval" role="group" aria-label=${t("approval")}>
    <p>${t("approval.ask", { owner: of.owner, purpose: of.purpose })}</p>
    <p class="buttons"><button type="button" class="primary" onClick=${() => decide(true)}>${t("approval.approve")}</button>
      <button type="button" aria-expanded=${sure} onClick=${() => setSure(!sure)}>${t("approval.refuse")}</button></p>
    ${sure && html`<p>${t("approval.sure")}</p><p class="buttons"><button type="button" class="danger" onClick=${() => decide(false)}>${t("approval.refuse.go")}</button></p>`}
  </div>`;
}
