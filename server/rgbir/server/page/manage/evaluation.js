/** Evaluation: what the served model's card says was measured, as a plot and as a table, with the protocol in words; and saved reports. */

import { Command, Empty } from "../core/empty.js";
import { html } from "../core/html.js";
import { Table } from "../core/table.js";
import { changed } from "../core/route.js";
import { has, moment, t } from "../core/words.js";
import { Trouble, useLoaded } from "../shell/load.js";
import { go, may, store, useApp } from "../shell/state.js";
import { percent } from "./card.js";
import { isSynthetic, marked, measuredIn, measuredOf, protocolParts } from "./cards.js";
import { Curve } from "./curve.js";

/** @typedef {import("../core/types.js").Schemas} Schemas */

const MAKE = "rgbir evaluate --data FOLDER --bundle BUNDLE --report report.json";

export default function Evaluation() {
  const { data: card, failure, again } = useLoaded("model");
  const list = measuredOf(/** @type {any} */ (card)?.measured ?? {});
  return html`<section aria-labelledby="evaluation-title">
    <div class="head"><h2 id="evaluation-title">${t("manage.evaluation")}</h2><span class="grow"></span>${may("cases") && html`<a class="button" href="#/judge">${t("nav.judge")}</a>`}</div>
    <${Trouble} failure=${failure} onAgain=${again} />
    ${!card && !failure && html`<p class="state">${t("loading")}</p>`}
    ${list.map((each) => html`<${Measured} key=${each.name} measured=${each} card=${card} />`)}
    ${card && list.length === 0 && html`<${Empty} title=${t("eval.none")} text=${t("eval.none.why")}><${Command} text=${MAKE} /><//>`}
    <${Reports} />
    ${card && list.length > 0 && html`<div class="box"><h3>${t("eval.own")}</h3><p>${t("eval.own.what")}</p><${Command} text=${MAKE} /></div>`}
  </section>`;
}

/** @param {{ share: number, spread?: number }} figure */
const withSpread = ({ share, spread }) => (spread === undefined ? percent(share) : `${percent(share)} ± ${percent(spread)}`);

/** A curve and a table of the same. @param {{ measured: import("./cards.js").Measured }} props */
function CurveAndTable({ measured }) {
  const rows = [...marked(measured.ranks).map(({ rank, ...each }) => ({ name: t("eval.rank", { n: rank }), ...each })), ...measured.figures];
  return html`<div class="curve-and-table">
    <${Curve} ranks=${measured.ranks} title=${t("eval.curve", { name: measured.name })} />
    <${Table} caption=${t("eval.table", { name: measured.name })} rows=${rows} keyOf=${(/** @type {{ name: string }} */ row) => row.name}
      columns=${[
        { name: "figure", text: t("eval.figure"), cell: (/** @type {{ name: string }} */ row) => row.name },
        { name: "share", number: true, text: t("eval.share"), cell: withSpread },
      ]} />
  </div>`;
}

/** Reports of `rgbir evaluate`; the one that is open is in the address. */
function Reports() {
  const { data, failure, again } = useLoaded("reports");
  const name = useApp((state) => state.route.params.get("report"));
  const files = /** @type {{ reports: Schemas["ReportFile"][] } | null} */ (data)?.reports ?? [];
  const show = (/** @type {string | null} */ report) => go(changed(store.get().route, { report }));
  return html`<section class="box" aria-labelledby="reports-title"><h3 id="reports-title">${t("eval.reports")}</h3>
    ${failure?.status === 404 ? html`<p>${t("eval.reports.how")}</p><${Command} text="rgbir serve --reports FOLDER …" />` : html`<${Trouble} failure=${failure} onAgain=${again} />`}
    ${data && files.length === 0 && html`<${Empty} title=${t("eval.reports.none")} text=${t("eval.reports.none.why")}><${Command} text=${MAKE} /><//>`}
    <ul class="plain-list">${files.map(
      (file) => html`<li key=${file.name}><button type="button" aria-expanded=${file.name === name} onClick=${() => show(file.name === name ? null : file.name)}>${file.name}</button> <span class="soft">${moment(file.written_at, { year: true })}</span></li>`,
    )}</ul>
    ${name && data && html`<${Report} name=${name} key=${name} />`}
  </section>`;
}

/** @param {{ name: string }} props */
function Report({ name }) {
  const { data, failure, again } = useLoaded(/** @type {string} */ (`reports/${encodeURIComponent(name)}`));
  const report = /** @type {Schemas["SavedReport"] | null} */ (data);
  if (!report) return html`<${Trouble} failure=${failure} onAgain=${again} />${!failure && html`<p class="state">${t("loading")}</p>`}`;
  const { about, protocol } = report;
  const told = (/** @type {Record<string, string>} */ values) => Object.entries(values).map(([key, value]) => `${key} ${value}`).join(", ");
  return html`<article aria-label=${t("eval.report.of", { name, time: moment(report.written_at, { year: true }) })}>
    <h4>${[about.model, about.data].filter(Boolean).join(", ")}</h4>
    <p class="soft">${t("eval.report.counts", { queries: report.queries, rows: report.gallery_rows, people: report.gallery_identities, trials: report.trials })}</p>
    <${CurveAndTable} measured=${measuredIn(report)} />
    <h4>${t("eval.protocol")}</h4><p>${told(protocol)}</p>
    <h4>${t("eval.report.about")}</h4><p>${told(about)}</p>
  </article>`;
}

/** @param {{ measured: import("./cards.js").Measured, card: any }} props */
function Measured({ measured, card }) {
  return html`<article class="box">
    <h3>${t(isSynthetic(card) ? "eval.synthetic" : "eval.of", { data: measured.data || measured.name })}</h3>
    <p class="soft">${card.name}</p>
    <${CurveAndTable} measured=${measured} />
    <h4>${t("eval.protocol")}</h4>
    <ul class="plain-list">${protocolParts(measured.name).map((part) => html`<li><strong>${part}</strong>: ${t(has(`protocol.${part}`) ? `protocol.${part}` : "protocol.other")}</li>`)}</ul>
    ${measured.command && html`<h4>${t("eval.again")}</h4><${Command} text=${measured.command} />`}
  </article>`;
}
