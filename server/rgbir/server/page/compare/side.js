/** Beside the two pictures: what to look at, what can be done with the hit, where and when, and what the model says. */

import { Icon } from "../core/icons.js";
import { Recording } from "../core/recording.js";
import { ask } from "../core/api.js";
import { html, useEffect, useState } from "../core/html.js";
import { isRefined } from "../cases/model.js";
import { moment, number, span, strangers, t } from "../core/words.js";

/** @typedef {import("../core/types.js").Hit} Hit */

/** @param {{ taken: string, hit: Hit, seconds: number | null, walk: import("./facts.js").Walk | null, track: number | null }} props */
export function WhereAndWhen({ hit, taken, seconds, walk, track }) {
  return html`<section class="facts" aria-labelledby="where-and-when">
    <h3 id="where-and-when">${t("compare.where")}</h3>
    <dl>
      <dt>${t("compare.when")}</dt><dd>${hit.taken_at ? moment(hit.taken_at, { seconds: true }) : t("hit.notime")}</dd>
      <dt>${t("compare.from")}</dt><dd>${apart(seconds, taken)}</dd>
      ${walk && html`<dt>${t("compare.walk", { from: walk.from, to: walk.to })}</dt><dd>${walked(walk)}</dd>`}
      ${hit.track && html`<dt>${t("table.track")}</dt><dd>${hit.track}${track ? `, ${t("compare.sightings", { n: track })}` : ""}</dd>`}
      ${hit.identity !== null && hit.identity !== undefined && html`<dt>${t("table.identity")}</dt><dd>${hit.identity}</dd>`}
      ${hit.source && html`<dt>${t("compare.source")}</dt><dd>${hit.source}</dd>`}
    </dl>
  </section>`;
}

/** @param {number | null} seconds @param {string} taken */
function apart(seconds, taken) {
  if (seconds === null) return t(taken ? "hit.notime" : "compare.untimed");
  if (Math.abs(seconds) < 0.5) return t("compare.same");
  return t(seconds > 0 ? "compare.later" : "compare.earlier", { span: span(seconds) });
}

/** @param {import("./facts.js").Walk} walk */
function walked(walk) {
  if (walk.state === "unknown") return t("compare.walk.unknown");
  const takes = walk.latest === null ? t("compare.walk.least", { a: span(walk.soonest) }) : t("compare.walk.takes", { a: span(walk.soonest), b: span(walk.latest) });
  return walk.state === "untimed" ? takes : html`${takes}: <strong>${t(`walk.${walk.state}`)}</strong>`;
}

/** @typedef {{ cameras: string[], genuine: number, strangers: number }} Pair */

/** How much two cameras were calibrated on; asked once an answer, when somebody wants to know. @param {boolean} wanted @param {number} generation @param {string | null | undefined} query @param {string} camera */
function usePair(wanted, generation, query, camera) {
  const [pairs, setPairs] = useState(/** @type {Pair[]} */ ([]));
  useEffect(() => {
    if (!wanted) return;
    ask("gallery/calibration").then(
      (known) => setPairs(known.pairs),
      () => {},
    );
  }, [wanted, generation]);
  return pairs.find(({ cameras }) => query && cameras.includes(query) && cameras.includes(camera));
}

/** @param {{ hit: Hit, answer: import("../core/types.js").Answer, open: boolean, onToggle: () => void }} props */
export function ModelSays({ hit, answer, open, onToggle }) {
  const expected = hit.meaning?.strangers;
  const total = answer.coverage?.searched;
  const pair = usePair(open && Boolean(hit.meaning), answer.generation, answer.query.camera, hit.camera);
  return html`<section class="says" aria-labelledby="says">
    <div class="says-head"><h3 id="says">${t("compare.says")}</h3>
      <button type="button" aria-expanded=${open} aria-controls="says-what" onClick=${onToggle}>${t(open ? "compare.hide" : "compare.show")} <span class="kbd" aria-hidden="true">I</span></button></div>
    <div id="says-what" hidden=${!open}>
      ${open &&
      html`<dl>
        <dt>${t("table.rank")}</dt><dd>${t("compare.rank", { r: hit.rank, n: answer.hits.length })}</dd>
        ${hit.plain_rank && html`<dt>${t(isRefined(answer) ? "refined.earlier" : "compare.plain")}</dt><dd>${number(hit.plain_rank)}</dd>`}
        ${typeof expected === "number" && html`<dt>${t("compare.strangers")}</dt><dd>${typeof total === "number" ? t("compare.among", { s: strangers(expected), total }) : strangers(expected)}</dd>`}
        <dt>${answer.query.camera ? t("compare.pair", { a: answer.query.camera, b: hit.camera }) : t("camera.named", { c: hit.camera })}</dt><dd>${pair ? t("compare.pairs", { n: pair.genuine, m: pair.strangers }) : t(hit.meaning ? "compare.calibrated" : "compare.uncalibrated")}</dd>
        <dt>${t("table.distance")}</dt><dd>${number(hit.distance, { minimumFractionDigits: 2, maximumFractionDigits: 2 })}</dd>
      </dl>
      <p class="note">${t("compare.orders")}</p>`}
    </div>
  </section>`;
}

/** @param {{ idle: boolean, hasPicture: boolean, recording?: string | null, onSimilar: () => void, onUse: () => void }} props */
export const Actions = ({ idle, hasPicture, recording, onSimilar, onUse }) => html`<p class="buttons compare-actions">
  <button type="button" onClick=${onSimilar}><${Icon} name="search" /> ${t("similar")} <span class="kbd" aria-hidden="true">F</span></button>
  <${Recording} address=${recording} />
  ${hasPicture && html`<button type="button" aria-disabled=${idle} onClick=${onUse}><${Icon} name="add" /> ${t("compare.use")}</button>`}
</p>`;
