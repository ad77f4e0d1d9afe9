/** The searches of a case: who, when, with what, what came of it, and the way back to each. */

import { html } from "../core/html.js";
import { Table } from "../core/table.js";
import { listed, moment, number, t } from "../core/words.js";
import { FILTERS } from "../search/chips.js";
import { toParams } from "../search/question.js";
import { questionOf } from "./model.js";
import { searchHash } from "./work.js";

/** @typedef {import("../core/types.js").Case} Case */
/** @typedef {import("../core/types.js").CaseSearch} CaseSearch */

/** With how many shots, and which cameras were searched. @param {CaseSearch} search */
export const shotsText = (search) => [search.like ? t("search.like") : t("search.shots", { n: search.queries.length + search.same }), t("search.cameras", { list: listed(search.searched_cameras), n: search.searched_cameras.length })].join(", ");

/** How many hits, and how many of them are new or stand out. @param {CaseSearch} search */
export const foundText = (search) =>
  [t("hits.count", { n: search.hits }), search.new ? t("search.new", { n: search.new }) : search.verdict.code === "lead" ? t("search.out", { n: Number(search.verdict.values?.hits ?? 0) }) : ""].filter(Boolean).join(", ");

/** @param {CaseSearch} search */
function filtersText(search) {
  const question = questionOf(search);
  return FILTERS.filter((filter) => filter.value(question)).map((filter) => t("chip.is", { name: t(`chip.${filter.name}`), value: filter.value(question) })).join("; ");
}

/** @param {{ of: Case }} props */
export function Searches({ of }) {
  const rows = [...of.searches].reverse();
  if (!rows.length) return html`<div class="nothing"><h3>${t("searches.none")}</h3></div>`;
  const columns = [
    { name: "n", text: t("search.n"), cell: (/** @type {CaseSearch} */ search) => number(search.n) },
    { name: "when", text: t("search.when"), cell: (/** @type {CaseSearch} */ search) => moment(search.at) },
    { name: "who", text: t("search.who"), cell: (/** @type {CaseSearch} */ search) => search.who },
    { name: "with", text: t("search.with"), cell: (/** @type {CaseSearch} */ search) => html`${shotsText(search)}${search.same + search.different > 0 && html`<br /><span class="soft">${t("search.marks", { same: search.same, different: search.different })}</span>`}` },
    { name: "filters", text: t("search.filters"), cell: filtersText },
    { name: "hits", text: t("search.hits"), cell: (/** @type {CaseSearch} */ search) => html`${foundText(search)}<br /><span class="soft">${t(search.exact ? "badge.exact" : "badge.approximate")}</span>` },
    { name: "open", text: t("search.open"), cell: (/** @type {CaseSearch} */ search) => html`<a href=${searchHash(of.id, search, toParams(questionOf(search)))}>${t("search.open")}<span class="unseen"> ${number(search.n)}</span></a>` },
  ];
  return html`<${Table} caption=${t("part.searches")} columns=${columns} rows=${rows} keyOf=${(/** @type {CaseSearch} */ search) => search.n} />`;
}
