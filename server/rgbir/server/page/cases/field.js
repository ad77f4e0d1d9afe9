/** The case in use at the foot of the question; the button chooses another one. */

import { html } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { t } from "../core/words.js";
import { useApp } from "../shell/state.js";
import { casing, useCase } from "./state.js";

export function CaseField() {
  const current = useCase((state) => state.current);
  const needed = useApp((state) => state.me?.needs_case ?? false);
  const lack = useApp((state) => state.lack);
  const missing = lack?.field === "case" && !current;
  return html`<span class="label" id="case-label">${t("why.case")} ${needed && html`<span class="needed">${t("why.needed")}</span>`}</span>
    <button type="button" class="select" id="case" aria-labelledby="case-label case" aria-haspopup="dialog" aria-describedby=${missing ? "case-problem" : undefined} onClick=${() => casing.set({ asking: { sighting: "", mark: null } })}>
      <span class="cut">${current ? `${current.number} ${current.title}` : t("case.none")}</span> <${Icon} name="down" size=${14} /></button>
    ${current && html`<p class="note case-keeps">${t("case.keeps")}</p>`}
    ${missing && html`<p class="problem" id="case-problem" role="alert">${t("need.case")}</p>`}`;
}
