/** A case's hits by mark; blank, erased and nearly erased ones have cards of their own. */

import { ask, request } from "../core/api.js";
import { html, useState } from "../core/html.js";
import { moment, number, strangers, t } from "../core/words.js";
import { byMark, mayOwn } from "./model.js";
import { CasePictureShown, whereOf } from "./parts.js";
import { compareHash } from "./course.js";
import { casePath, casing } from "./state.js";
import { reason, tell } from "./work.js";

/** @typedef {import("../core/types.js").Case} Case */

/** @param {{ of: Case, onChanged: () => void }} props */
export function Hits({ of }) {
  const groups = byMark(of);
  const near = new Map((of.near ?? []).map((each) => [each.picture, each]));
  const waiting = of.pictures.filter(({ id }) => near.has(id));
  return html`${waiting.length > 0 &&
    html`<section class="box near" aria-labelledby="near"><h2 id="near">${t("near.title")}: ${number(waiting.length)}</h2><p>${t("near.what")}</p>
      <ul class="case-cards">${waiting.map((picture) => html`<li key=${picture.id} class="case-card near"><${CasePictureShown} id=${of.id} picture=${picture} />
        <div class="card-text"><strong>${whereOf(picture) || t("picture.nowhere")}</strong><div>${picture.taken_at ? moment(picture.taken_at) : t("hit.notime")}</div>
          <div class="soft">${t("near.distance", { d: number(near.get(picture.id)?.distance ?? 0, { maximumFractionDigits: 2 }), time: moment(near.get(picture.id)?.erased_at ?? "") })}</div></div>
        ${mayOwn(of) ? html`<${Decide} id=${of.id} picture=${picture.id} onHold=${of.hold !== null && of.hold !== undefined} />` : html`<p class="note">${t("near.who", { owner: of.owner })}</p>`}</li>`)}</ul></section>`}
    ${groups.length === 0 && html`<div class="nothing"><h3>${t("hits.none")}</h3><p>${t("hits.none.what")}</p></div>`}
    ${groups.map(
      ({ kind, events }) => html`<section class="box" aria-labelledby=${`hits-${kind}`}>
        <h2 id=${`hits-${kind}`}>${t(`hits.${kind}`)}: ${number(events.length)}</h2>
        ${kind === "different" && html`<p class="note">${t("hits.stay")}</p>`}
        <ul class="case-cards">${events.map(({ picture, mark }) => {
          const compare = compareHash(of, mark, picture);
          return html`<li key=${picture.id} class="case-card"><${CasePictureShown} id=${of.id} picture=${picture} mark=${mark} />
            <div class="card-text"><strong>${whereOf(picture) || t(picture.erased_at ? "picture.erased.word" : "picture.nowhere")}</strong>
              ${!picture.erased_at && !picture.blank && html`<div>${picture.taken_at ? moment(picture.taken_at) : t("hit.notime")}</div>`}
              ${mark && html`<div class="soft">${t("course.marked", { who: mark.who, time: moment(mark.at) })}</div>`}
              ${typeof mark?.strangers === "number" && html`<div class="soft">${t("course.strangers", { s: strangers(mark.strangers) })}</div>`}
              ${mark?.note && html`<div>${mark.note}</div>`}
              ${compare && html`<div><a href=${compare}>${t("course.compare")}</a></div>`}</div></li>`;
        })}</ul>
      </section>`,
    )}`;
}

/** Whether a picture that looks like somebody who was erased goes, too. @param {{ id: string, picture: string, onHold: boolean }} props */
export function Decide({ id, picture, onHold }) {
  const [sure, setSure] = useState(false);
  const decide = async (/** @type {boolean} */ erase) => {
    const path = `/pictures/${encodeURIComponent(picture)}`;
    try {
      if (erase) await ask(casePath(id, path), { method: "DELETE" });
      else await request(casePath(id, `${path}/keep`), { method: "POST" });
      tell(t(erase ? "near.erased" : "near.kept"));
    } catch (error) {
      tell(reason(error), { bad: true });
    }
    casing.set((state) => ({ changes: state.changes + 1 }));
  };
  return html`<p class="buttons">${onHold ? html`<span class="note">${t("near.held")}</span>` : sure ? html`<button type="button" class="danger" onClick=${() => decide(true)}>${t("near.erase.go")}</button><button type="button" onClick=${() => setSure(false)}>${t("chip.cancel")}</button>` : html`<button type="button" onClick=${() => setSure(true)}>${t("near.erase")}</button>`}
    ${!sure && html`<button type="button" onClick=${() => decide(false)}>${t("near.keep")}</button>`}</p>`;
}
