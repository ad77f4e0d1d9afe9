/** Where it stands how often the model errs; below every verdict. */

import { key } from "../core/api.js";
import { handOver } from "../core/handed.js";
import { html, useState } from "../core/html.js";
import { t } from "../core/words.js";
import { whyNot } from "../shell/failure.js";

const PAGE = "model/errors?format=html";
const MEASURE = "rgbir evaluate --report robustness";

/** @param {{ errors: string | null | undefined }} props what the answer says; none where nobody has measured it */
export function Errors({ errors }) {
  const [trouble, setTrouble] = useState("");
  if (!errors) return html`<p class="errors">${t("errors.none")} <code>${MEASURE}</code></p>`;
  const fetched = () => handOver(PAGE, "errors.html").then(() => setTrouble(""), (refusal) => setTrouble(whyNot(refusal)));
  return html`<p class="errors">${key.get()
    ? html`<button type="button" class="link" onClick=${fetched}>${t("errors.read")}</button>`
    : html`<a href=${PAGE} target="_blank" rel="noopener">${t("errors.read")}</a>`}${trouble && html` <span role="alert">${trouble}</span>`}</p>`;
}
