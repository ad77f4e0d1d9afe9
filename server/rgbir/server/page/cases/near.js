/** For administrators: pictures of all cases that look like somebody who was erased. A person decides which go. */

import { html } from "../core/html.js";
import { Picture } from "../core/picture.js";
import { moment, number, t } from "../core/words.js";
import { Forbidden, Trouble, useLoaded } from "../shell/load.js";
import { may } from "../shell/state.js";
import { Decide } from "./hits.js";
import { casePath, useCase } from "./state.js";

/** @typedef {{ picture: string, erased_at: string, distance: number }} Near */

export function NearView() {
  const changes = useCase((state) => state.changes);
  const allowed = may("administer");
  const { data, failure, again } = useLoaded(allowed ? "cases/near" : null, undefined, changes);
  const { data: list } = useLoaded(allowed ? "cases" : null, undefined, changes);
  if (!allowed) return html`<${Forbidden} parts=${[{ path: "/cases", text: "nav.cases" }]} />`;
  const heads = /** @type {import("../core/types.js").CaseHead[]} */ (list?.cases ?? []);
  const near = /** @type {Near[]} */ (data?.pictures ?? []);
  return html`<section class="cases">
    <header class="cases-head"><div><p class="crumbs"><a href="#/cases">${t("nav.cases")}</a></p><h2>${t("near.title")}</h2></div></header>
    <p>${t("near.what")}</p>
    <${Trouble} failure=${failure} onAgain=${again} />
    ${data && near.length === 0 && html`<div class="nothing"><h3>${t("near.none")}</h3></div>`}
    <ul class="case-cards">${near.map((each) => {
      const head = heads.find(({ number: name }) => name === data.cases[each.picture]);
      return head && html`<li key=${each.picture} class="case-card near"><div class="case-picture"><${Picture} path=${casePath(head.id, `/pictures/${encodeURIComponent(each.picture)}/image`)} /></div>
        <div class="card-text"><strong><a href=${`#/cases/${encodeURIComponent(head.id)}/hits`}>${head.number}</a></strong> <div>${head.title}</div>
          <div class="soft">${t("near.distance", { d: number(each.distance, { maximumFractionDigits: 2 }), time: moment(each.erased_at) })}</div></div>
        <${Decide} id=${head.id} picture=${each.picture} onHold=${Boolean(head.hold)} /></li>`;
    })}</ul>
  </section>`;
}
