/** In the sheet that erases: what cases hold of the erased, and that a hold keeps it. */

import { html } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { t } from "../core/words.js";

/** @typedef {import("../gallery/erasing.js").InCase} InCase */

/** @param {InCase} each */
const named = ({ number }) => (number ? t("erase.case", { number }) : t("erase.case.unseen"));

/** @param {{ cases: readonly InCase[] }} props */
export const ErasedInCases = ({ cases }) =>
  cases.length > 0 &&
  html`<section class="also in-cases"><h3>${t("erase.cases")}</h3><ul>
    ${cases.map((each) => html`<li>${named(each)}: ${[each.pictures > 0 && t("erase.case.pictures", { n: each.pictures }), each.near > 0 && t("erase.case.near", { n: each.near }), each.held && t("erase.case.held")].filter(Boolean).join(" ")}</li>`)}
  </ul></section>`;

/** In place of the button. @param {{ cases: readonly InCase[], onClose: () => void }} props */
export const KeptByHold = ({ cases, onClose }) => html`<div class="bar kept" role="alert"><${Icon} name="shield" /> <div>
    <p>${t("erase.kept", { list: cases.map(named) })}</p><p>${t("erase.kept.ask")}</p></div></div>
  <p class="buttons end"><button type="button" onClick=${onClose}>${t("close")}</button></p>`;
