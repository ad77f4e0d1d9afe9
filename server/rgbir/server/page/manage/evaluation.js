/** Evaluation: what the served model's card says was measured, as a plot and as a table, with the protocol in words. */

import { Command, Empty } from "../core/empty.js";
import { html } from "../core/html.js";
import { Table } from "../core/table.js";
import { has, t } from "../core/words.js";
import { Trouble, useLoaded } from "../shell/load.js";
import { percent } from "./card.js";
import { isSynthetic, measuredOf, protocolParts } from "./cards.js";
import { Curve } from "./curve.js";

const MAKE = "rgbir evaluate --data FOLDER --bundle BUNDLE --report report.json";

export default function Evaluation() {
  const { data: card, failure, again } = useLoaded("model");
  const list = measuredOf(/** @type {any} */ (card)?.measured ?? {});
  return html`<section aria-labelledby="evaluation-title">
    <div class="head"><h2 id="evaluation-title">${t("manage.evaluation")}</h2></div>
    <${Trouble} failure=${failure} onAgain=${again} />
    ${!card && !failure && html`<p class="state">${t("loading")}</p>`}
    ${list.map((each) => html`<${Measured} key=${each.name} measured=${each} card=${card} />`)}
    ${card && list.length === 0 && html`<${Empty} title=${t("eval.none")} text=${t("eval.none.why")}><${Command} text=${MAKE} /><//>`}
    ${card && list.length > 0 && html`<div class="box"><h3>${t("eval.own")}</h3><p>${t("eval.own.what")}</p><${Command} text=${MAKE} /></div>`}
  </section>`;
}

/** @param {{ measured: import("./cards.js").Measured, card: any }} props */
function Measured({ measured, card }) {
  const rows = [...measured.ranks.map(({ rank, share }) => ({ name: t("eval.rank", { n: rank }), share })), ...measured.figures];
  return html`<article class="box">
    <h3>${t(isSynthetic(card) ? "eval.synthetic" : "eval.of", { data: measured.data || measured.name })}</h3>
    <p class="soft">${card.name}</p>
    <div class="curve-and-table">
      <${Curve} ranks=${measured.ranks} title=${t("eval.curve", { name: measured.name })} />
      <${Table} caption=${t("eval.table", { name: measured.name })} rows=${rows} keyOf=${(/** @type {{ name: string }} */ row) => row.name}
        columns=${[
          { name: "figure", text: t("eval.figure"), cell: (/** @type {{ name: string }} */ row) => row.name },
          { name: "share", number: true, text: t("eval.share"), cell: (/** @type {{ share: number }} */ row) => percent(row.share) },
        ]} />
    </div>
    <h4>${t("eval.protocol")}</h4>
    <ul class="plain-list">${protocolParts(measured.name).map((part) => html`<li><strong>${part}</strong>: ${t(has(`protocol.${part}`) ? `protocol.${part}` : "protocol.other")}</li>`)}</ul>
    ${measured.command && html`<h4>${t("eval.again")}</h4><${Command} text=${measured.command} />`}
  </article>`;
}
