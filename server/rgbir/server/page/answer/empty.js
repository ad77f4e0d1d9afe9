/** Before the first answer: what the page does, three steps, and samples to try. */

import { html } from "../core/html.js";
import { Picture } from "../core/picture.js";
import { t } from "../core/words.js";
import { may, useApp } from "../shell/state.js";
import { trySample } from "../search/actions.js";

export function Empty() {
  const gallery = useApp((state) => state.gallery);
  const samples = useApp((state) => state.samples);
  if (gallery && gallery.sightings === 0) {
    return html`<div class="empty-state"><h2>${t("empty.gallery")}</h2>
      ${may("enrol") ? html`<p><a class="button" href="#/enrol">${t("empty.enrol")}</a></p>` : html`<p>${t("empty.ask")}</p>`}</div>`;
  }
  return html`<div class="empty-state">
    <h2>${t("empty.title")}</h2>
    <p>${t("empty.what")}</p>
    <ol><li>${t("empty.step1")}</li><li>${t("empty.step2")}</li><li>${t("empty.step3")}</li></ol>
    ${samples.length > 0 &&
    html`<h3>${t("empty.try")}</h3>
      <ul class="samples">
        ${samples.map(
          (sample) => html`<li><button type="button" aria-label=${t("empty.sample", { c: sample.camera })} onClick=${() => trySample(sample)}>
            <${Picture} path=${`samples/${encodeURIComponent(sample.name)}`} eager=${true} /><span aria-hidden="true">${t("camera.named", { c: sample.camera })}</span></button></li>`,
        )}
      </ul>`}
  </div>`;
}
