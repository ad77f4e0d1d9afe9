/** In Search's place where a case may not be searched for: who must approve it, or whom to ask. */

import { html } from "../core/html.js";
import { moment, t } from "../core/words.js";
import { useApp } from "../shell/state.js";
import { barred } from "./model.js";
import { useCase } from "./state.js";

/** Why a case may not be searched for, in words. @param {import("../core/types.js").CaseHead} head */
export function barredText(head) {
  const code = barred(head);
  if (!code) return "";
  const { approval } = head;
  const who = approval?.approver ?? t("case.anyone");
  return t(code, { who, owner: head.owner, time: moment(approval?.asked_at ?? head.made_at) });
}

export function Barred() {
  const current = useCase((state) => state.current);
  useApp((state) => state.language);
  if (!current) return null;
  return html`<p class="barred" id="go" role="status">${barredText(current)} <a href=${`#/cases/${encodeURIComponent(current.id)}`}>${t("case.open")}</a></p>`;
}
