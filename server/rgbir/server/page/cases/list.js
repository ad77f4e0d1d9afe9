/** The cases that one was let into: open, waiting for an approval, closed. */

import { html } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { Table } from "../core/table.js";
import { moment, number, t } from "../core/words.js";
import { Trouble, useLoaded } from "../shell/load.js";
import { may } from "../shell/state.js";
import { dated } from "./parts.js";
import { grouped } from "./model.js";
import { casing, useCase } from "./state.js";

/** @typedef {import("../core/types.js").CaseHead} CaseHead */

export function CaseList() {
  const changes = useCase((state) => state.changes);
  const { data, failure, again } = useLoaded("cases", undefined, changes);
  const { data: near } = useLoaded(may("administer") ? "cases/near" : null, undefined, changes);
  const heads = /** @type {CaseHead[]} */ (data?.cases ?? []);
  const columns = [
    { name: "number", text: t("cases.number"), cell: (/** @type {CaseHead} */ head) => html`<a href=${`#/cases/${encodeURIComponent(head.id)}`}>${head.number}</a>${head.hold && html` <span class="held" title=${t("case.hold")}><${Icon} name="shield" size=${14} /><span class="unseen">${t("case.hold")}</span></span>`}` },
    { name: "title", text: t("cases.title"), cell: (/** @type {CaseHead} */ head) => html`${head.title}${head.approvable && html` <span class="tag asks">${t("cases.approvable")}</span>`}` },
    { name: "owner", text: t("cases.owner"), cell: (/** @type {CaseHead} */ head) => head.owner },
    { name: "changed", text: t("cases.changed"), cell: (/** @type {CaseHead} */ head) => moment(head.changed_at) },
    { name: "new", text: t("cases.new"), number: true, cell: (/** @type {CaseHead} */ head) => (head.new ? html`<strong>${number(head.new)}</strong>` : "") },
    { name: "until", text: t("cases.until"), cell: (/** @type {CaseHead} */ head) => (head.hold ? t("case.hold") : dated(head.keep_until)) },
  ];
  return html`<section class="cases">
    <header class="cases-head"><h2>${t("nav.cases")}</h2><span class="grow"></span>
      ${(near?.pictures.length ?? 0) > 0 && html`<a class="button" href="#/cases/near"><${Icon} name="triangle" size=${16} /> ${t("near.link", { n: near.pictures.length })}</a>`}
      <button type="button" class="primary" onClick=${() => casing.set({ making: true })}><${Icon} name="add" /> ${t("case.new")}</button></header>
    <${Trouble} failure=${failure} onAgain=${again} />
    ${!data && !failure && html`<p class="state">${t("loading")}</p>`}
    ${data && heads.length === 0 && html`<div class="nothing"><h3>${t("cases.none")}</h3><p>${t("cases.none.what")}</p></div>`}
    ${grouped(heads)
      .filter((group) => group.heads.length > 0)
      .map((group) => html`<${Table} caption=${`${t(`cases.${group.state}`)}: ${number(group.heads.length)}`} columns=${columns} rows=${group.heads} keyOf=${(/** @type {CaseHead} */ head) => head.id} shown=${true} />`)}
  </section>`;
}
