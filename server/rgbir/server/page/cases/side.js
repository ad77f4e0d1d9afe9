/** Beside the course: what is new since the last look, what was ruled out, the searches. */

import { form, request } from "../core/api.js";
import { html } from "../core/html.js";
import { moment, number, t } from "../core/words.js";
import { toParams } from "../search/question.js";
import { go } from "../shell/state.js";
import { byMark, questionOf, unseen } from "./model.js";
import { CasePictureShown } from "./parts.js";
import { foundText, shotsText } from "./searches.js";
import { casePath, casing } from "./state.js";
import { reason, searchHash, tell, use } from "./work.js";

const FEW = 6;

/** @param {{ of: import("../core/types.js").Case, onChanged: () => void }} props */
export function Side({ of }) {
  const { count, search, last } = unseen(of);
  const out = byMark(of).find(({ kind }) => kind === "different")?.events ?? [];
  const link = `#/cases/${encodeURIComponent(of.id)}`;
  const look = async () => {
    if (!search) return;
    try {
      await request(casePath(of.id, "/look"), { method: "POST", body: form({ search: last }) });
      casing.set((state) => ({ changes: state.changes + 1 }));
      await use(of.id);
      go(searchHash(of.id, search, toParams(questionOf(search))));
    } catch (error) {
      tell(reason(error), { bad: true });
    }
  };
  return html`<aside class="case-side" aria-label=${t("case.side")}>
    ${count > 0 &&
    search &&
    html`<section class="box fresh" aria-labelledby="fresh"><h3 id="fresh">${t("fresh.title", { n: count })}</h3>
      <p>${t("fresh.what", { who: search.who, time: moment(search.at) })} ${search.same > 0 ? t("fresh.with", { n: search.same }) : ""}</p>
      <p class="buttons"><button type="button" class="primary" onClick=${look}>${t("fresh.look", { n: count })}</button></p></section>`}
    ${out.length > 0 &&
    html`<section class="box" aria-labelledby="out"><h3 id="out">${t("hits.different")}: ${number(out.length)}</h3>
      <div class="contact">${out.slice(0, FEW).map(({ picture, mark }) => html`<${CasePictureShown} key=${picture.id} id=${of.id} picture=${picture} mark=${mark} badge=${false} />`)}</div>
      <p class="note">${t("hits.stay")}</p>${out.length > FEW && html`<p><a href=${`${link}/hits`}>${t("hits.more", { n: out.length })}</a></p>`}</section>`}
    ${of.searches.length > 0 &&
    html`<section class="box" aria-labelledby="searches"><h3 id="searches">${t("part.searches")}: ${number(of.searches.length)}</h3>
      <ul class="few">${of.searches.slice(-FEW).map((each) => html`<li key=${each.n}><div><a href=${searchHash(of.id, each, toParams(questionOf(each)))}>${shotsText(each)}</a><div class="soft">${foundText(each)}</div></div>
        <div class="soft">${moment(each.at)}<br />${t(each.exact ? "badge.exact" : "badge.approximate")}</div></li>`)}</ul></section>`}
  </aside>`;
}
