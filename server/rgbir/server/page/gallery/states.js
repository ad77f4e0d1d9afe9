/** What stands where sightings or counts couldn't be shown. */

import { Refusal } from "../core/api.js";
import { html } from "../core/html.js";
import { has, t } from "../core/words.js";
import { store } from "../shell/state.js";

/** @param {{ failure: unknown, onAgain: () => void }} props */
export function Failure({ failure, onAgain }) {
  const problem = failure instanceof Refusal ? failure : null;
  const code = `problem.${problem?.code ?? ""}`;
  const role = store.get().me?.role ?? "";
  const detail =
    problem?.status === 0 ? t("verdict.failed.away") : problem?.status === 403 ? t("may.not", { role: t(`role.${role}`) }) : has(code) ? t(code, problem?.problem.values) : problem?.message ?? String(failure);
  return html`<div class="gallery-failed" role="alert"><strong>${t("gallery.failed")}</strong> <span>${detail}</span>
    ${problem?.status !== 403 && html`<button type="button" onClick=${onAgain}>${t("server.again")}</button>`}
    ${problem?.requestId && html`<span class="soft">${t("server.request", { id: problem.requestId })}</span>`}</div>`;
}
