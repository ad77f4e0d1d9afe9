/** What was measured on a draw, in words with its spread; administrators take it into the calibration. */

import { Refusal, ask, form } from "../core/api.js";
import { Empty } from "../core/empty.js";
import { isIdle } from "../core/focus.js";
import { html, useEffect, useRef, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { rich } from "../core/rich.js";
import { Table } from "../core/table.js";
import { listed, moment, number, t } from "../core/words.js";
import { Trouble, useLoaded } from "../shell/load.js";
import { may, refused, say } from "../shell/state.js";
import { drawPath, pointWords, shareText, tellingPoint } from "./model.js";

/** @typedef {import("../core/types.js").Schemas["JudgementResult"]} Told */
/** @typedef {import("./model.js").Estimate} Estimate */

/** @param {{ id: string, onUndo: (() => void) | null }} props */
export function Result({ id, onUndo }) {
  const loaded = useLoaded(drawPath(id));
  const [used, setUsed] = useState(/** @type {Told | null} */ (null));
  const result = used ?? /** @type {Told | null} */ (loaded.data);
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (isIdle() || document.activeElement?.closest(".judge")) heading.current?.focus();
  }, []);
  return html`<h2 tabindex="-1" ref=${heading}>${t("judge.measured")}</h2>
    <${Trouble} failure=${loaded.failure} onAgain=${loaded.again} />
    ${!result && !loaded.failure && html`<p class="state">${t("loading")}</p>`}
    ${result && (result.pairs === 0 ? html`<${Empty} title=${t("judge.empty")} text=${t("judge.empty.why")} />` : html`<${Measured} result=${result} onUsed=${setUsed} />`)}
    ${result && onUndo && html`<p class="judge-foot"><button type="button" aria-keyshortcuts="Z" onClick=${onUndo}><${Icon} name="undo" size=${16} /> ${t("undo.last")} <span class="kbd" aria-hidden="true">Z</span></button></p>`}`;
}

/** @param {{ result: Told, onUsed: (result: Told) => void }} props */
function Measured({ result, onUsed }) {
  const { estimate, agreements = [] } = result;
  if (!estimate) return html`<${Empty} title=${t("judge.missing")} text=${result.missing} />`;
  const point = tellingPoint(estimate);
  return html`<div class="box judge-told">
    <p>${t("judge.counts", { same: estimate.same, different: estimate.different, unsure: estimate.unsure, names: listed(estimate.judges) })}</p>
    ${point && html`<p>${rich("judge.words", pointWords(point, estimate.least))}</p>`}
    <p class="soft">${t("judge.ends", { least: shareText(estimate.least) })}</p>
    ${agreements.map(({ judges: [a, b], alike, kappa }) => html`<p>${kappa === null || kappa === undefined ? t("judge.agree.plain", { a, b, share: shareText(alike) }) : t("judge.agree", { a, b, share: shareText(alike), kappa: number(kappa, { maximumFractionDigits: 2 }) })}</p>`)}
    <${Use} result=${result} onUsed=${onUsed} />
    <details><summary>${t("judge.points")}</summary><${Points} estimate=${estimate} /></details>
  </div>`;
}

/** @param {{ estimate: Estimate }} props */
function Points({ estimate }) {
  const rows = estimate.points.map((point) => pointWords(point, estimate.least));
  /** @type {import("../core/table.js").Column<(typeof rows)[number]>[]} */
  const columns = [
    { name: "distance", text: t("judge.distance"), number: true, cell: (row) => row.distance },
    { name: "same", text: t("judge.point.same"), number: true, cell: (row) => t("judge.range", { share: row.same, low: row.same_low, high: row.same_high }) },
    { name: "strangers", text: t("judge.point.strangers"), number: true, cell: (row) => t("judge.range", { share: row.strangers, low: row.strangers_low, high: row.strangers_high }) },
  ];
  return html`<${Table} caption=${t("judge.points")} columns=${columns} rows=${rows} keyOf=${(/** @type {(typeof rows)[number]} */ row) => row.distance} />`;
}

/** @param {{ result: Told, onUsed: (result: Told) => void }} props */
function Use({ result, onUsed }) {
  const [failure, setFailure] = useState(/** @type {unknown} */ (null));
  const [busy, setBusy] = useState(false);
  if (result.used_at) return html`<p><strong>${t("judge.used", { time: moment(result.used_at), who: result.used_by ?? "" })}</strong></p>`;
  if (!may("administer")) return html`<p class="soft">${t("judge.use.who")}</p>`;
  const use = async (/** @type {boolean} */ inPlaceOfLabels) => {
    if (busy) return;
    setBusy(true);
    try {
      onUsed(await ask(drawPath(result.id, "/use"), { method: "POST", body: form({ in_place_of_labels: inPlaceOfLabels || null }) }));
      say(t("judge.used.now"));
    } catch (error) {
      refused(error);
      setFailure(error);
    }
    setBusy(false);
  };
  const labelled = failure instanceof Refusal && failure.status === 422;
  return html`<${Trouble} failure=${failure} />
    <p class="buttons">${labelled
      ? html`<button type="button" aria-busy=${busy} onClick=${() => use(true)}>${t("judge.use.labels")}</button>`
      : html`<button type="button" class="primary" aria-busy=${busy} onClick=${() => use(false)}>${t("judge.use")}</button>`} <span class="soft">${t("judge.use.what")}</span></p>`;
}
