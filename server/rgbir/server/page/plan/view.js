/** Plan: an answer's hits by place, drawn where the places are and as a list. */

import { html, useEffect, useMemo, useRef, useState } from "../core/html.js";
import { Picture } from "../core/picture.js";
import { plain } from "../core/rich.js";
import { changed } from "../core/route.js";
import { clock, day, moment, number, span, t } from "../core/words.js";
import { leftOut } from "../answer/model.js";
import { change, search } from "../search/actions.js";
import { go, store, useApp } from "../shell/state.js";
import { nodesOf, withoutPlace } from "./model.js";
import { Plan, camerasText } from "./plan.js";
import { MarkBadge, markedText } from "../cases/marks.js";
import { useMarks } from "../cases/state.js";

/** @typedef {import("./model.js").Node} Node */
/** @typedef {import("../core/types.js").Answer} Answer */
/** @typedef {import("../core/types.js").Hit} Hit */

const BEST = 5;

/**
 * @param {{ answer: Answer, question: import("../search/question.js").Question, onOpen: (hit: Hit) => void, fixed?: import("../cases/model.js").Marks }} props
 *   `fixed`: marks that are shown in place of those of the case in use, of an answer that nobody asked for
 */
export default function PlanView({ answer, question, onOpen, fixed }) {
  const network = useApp((state) => state.network);
  useApp((state) => state.language);
  const nodes = useMemo(() => (network ? nodesOf(network, question.at || null, answer) : []), [network, question, answer]);
  const best = nodes.find((node) => node.hits.some((hit) => hit.rank === 1))?.place ?? nodes[0]?.place ?? "";
  const [picked, setPicked] = useState("");
  const chosen = nodes.find((node) => node.place === picked) ?? nodes.find((node) => node.place === best);
  const heading = useRef(/** @type {HTMLHeadingElement | null} */ (null));
  const follow = useRef(false);
  useEffect(() => {
    if (follow.current) heading.current?.focus();
    follow.current = false;
  }, [picked]);
  if (!network || !chosen) return html`<p class="state">${t("plan.none")}</p>`;
  const fromList = (/** @type {string} */ place) => {
    follow.current = true;
    setPicked(place);
  };
  return html`<div class="plan-view">
    <${Plan} network=${network} nodes=${nodes} chosen=${chosen.place} label=${t("plan.places")} onChoose=${setPicked} />
    <section class="places" aria-label=${t("plan.list")}>
      <div class="place chosen">
        <h3 ref=${heading} tabindex="-1">${chosen.place}, ${camerasText(chosen)}</h3>
        <${About} node=${chosen} answer=${answer} />
        <${Best} node=${chosen} onOpen=${onOpen} fixed=${fixed} />
        ${!fixed && html`<${Actions} node=${chosen} answer=${answer} />`}
      </div>
      ${nodes
        .filter((node) => node !== chosen)
        .map(
          (node) => html`<div class="place" key=${node.place}>
            <h3><button type="button" class="plain" onClick=${() => fromList(node.place)}>${node.place}, ${camerasText(node)}</button></h3>
            <p class="soft">${short(node)}</p>
            <${Best} node=${node} onOpen=${onOpen} fixed=${fixed} />
          </div>`,
        )}
    </section>
  </div>`;
}

/** What a place is, in a few words. @param {Node} node */
function short(node) {
  if (node.state === "query") return t("plan.own");
  return node.state === "out" ? t("plan.notsearched") : t("hits.count", { n: node.hits.length });
}

/** Its hits, when they were, how long the walk takes, and why it was left out. @param {{ node: Node, answer: Answer }} props */
function About({ node, answer }) {
  const times = node.hits.flatMap((hit) => (hit.taken_at ? [Date.parse(hit.taken_at)] : [])).sort((one, other) => one - other);
  const [first, last] = [times[0], times[times.length - 1]].map((at) => new Date(at ?? 0));
  const when = times.length > 1 ? t("plan.when", { from: moment(first), to: day(first) === day(last) ? clock(last) : moment(last) }) : times.length ? moment(first) : "";
  const origin = answer.query.place;
  const walk = node.walk ? t(node.walk.latest === null ? "plan.least" : "plan.between", { place: origin, least: span(node.walk.soonest), most: span(node.walk.latest ?? 0) }) : origin && node.state !== "query" ? t("plan.nowalk", { place: origin }) : "";
  const reasons = leftOut(answer).filter((left) => node.cameras.includes(left.camera));
  return html`<p class="soft">${short(node)}${when && `, ${when}`}</p>
    ${walk && html`<p class="soft">${walk}</p>`}
    ${node.left && html`<p class="soft">${t("plan.moved")}</p>`}
    ${reasons.length > 0 && html`<ul class="soft">${reasons.map((left) => html`<li>${plain(left.code, left.values)}</li>`)}</ul>`}`;
}

/** @param {{ node: Node, onOpen: (hit: Hit) => void, fixed: import("../cases/model.js").Marks | undefined }} props */
function Best({ node, onOpen, fixed }) {
  const used = useMarks();
  const marks = fixed ?? used;
  if (!node.hits.length) return null;
  return html`<ul class="best">
    ${node.hits.slice(0, BEST).map(
      (hit) => html`<li key=${hit.id}><button type="button" class=${marks.has(hit.id) ? `marked ${marks.get(hit.id)?.mark}` : ""} data-hit=${hit.id} aria-label=${[`${t("hit.word")} ${number(hit.rank)}`, node.place, t("hit.camera", { c: hit.camera }), hit.taken_at ? moment(hit.taken_at) : t("hit.notime"), ...markedText(marks.get(hit.id)?.mark)].join(", ")} onClick=${() => onOpen(hit)}>
        <${Picture} path=${hit.image} /><span class="rank">${number(hit.rank)}</span><${MarkBadge} mark=${marks.get(hit.id)?.mark} /></button></li>`,
    )}
  </ul>`;
}

/** @param {{ node: Node, answer: Answer }} props */
function Actions({ node, answer }) {
  if (node.state !== "searched") return null;
  const mine = answer.searched_cameras.filter((camera) => node.cameras.includes(camera));
  const rest = withoutPlace(answer, node);
  const ask = (/** @type {string[]} */ cameras, /** @type {string | null} */ view) => {
    change({ cameras });
    go(changed(store.get().route, { view }), { replace: true });
    void search();
  };
  return html`<div class="buttons">
    <button type="button" onClick=${() => ask(mine, null)}>${t("plan.show")}</button>
    ${rest.length > 0 && html`<button type="button" onClick=${() => ask(rest, "plan")}>${t("plan.leave")}</button>`}
  </div>`;
}
