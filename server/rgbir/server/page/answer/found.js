/** What was found: verdict, what to know about it, what was left out, tools, hits. It comes with the first answer. */

import { isIdle } from "../core/focus.js";
import { html, useEffect, useMemo } from "../core/html.js";
import { rich } from "../core/rich.js";
import { changed } from "../core/route.js";
import { addTexts, number, t } from "../core/words.js";
import { search, shotsNow } from "../search/actions.js";
import { fromParams, sameQuestion } from "../search/question.js";
import { useTaken } from "../search/when.js";
import { Later } from "../shell/later.js";
import { go, say, store, useApp } from "../shell/state.js";
import { ANSWER } from "../texts/answer.js";
import { Refined } from "../cases/refined.js";
import { Grid } from "./grid.js";
import { verdictOf } from "./model.js";
import { Tools } from "./tools.js";
import { Failed, LeftOut, Reordered, VerdictBar, Warnings } from "./verdict.js";
import { unwalked } from "./walks.js";

addTexts(ANSWER);

const open = (/** @type {{ id: string }} */ hit) => go(changed(store.get().route, { hit: hit.id }));

const COMPARE = () => import("../compare/view.js");
/** @type {Record<string, () => Promise<{ default: any }>>} */
const LATER = {
  cameras: () => import("./cameras.js"),
  table: () => import("./table.js"),
  timeline: () => import("../timeline/view.js"),
  plan: () => import("../plan/view.js"),
};

/** @param {string | null} name what the address says; one that there isn't is the grid */
const viewOf = (name) => (name !== null && Object.hasOwn(LATER, name) ? name : "grid");

export default function Found() {
  const answer = useApp((state) => state.answer);
  const answered = useApp((state) => state.answered);
  const failure = useApp((state) => state.failure);
  const route = useApp((state) => state.route);
  const gallery = useApp((state) => state.gallery);
  const network = useApp((state) => state.network);
  useApp((state) => state.shots);
  useApp((state) => state.language);
  const taken = useTaken(answered?.question);
  const far = useMemo(() => unwalked(answer?.hits ?? [], network, answer?.query.place, taken), [answer, network, taken]);
  useEffect(() => {
    if (!answer && !failure) return undefined;
    // Whoever went on to something else meanwhile stays there.
    const frame = requestAnimationFrame(() => isIdle() && document.getElementById("verdict")?.focus());
    return () => cancelAnimationFrame(frame);
  }, [answer, failure]);
  useEffect(() => {
    if (!answer) return;
    const { title, values } = verdictOf(answer);
    say(`${t(title, values)}. ${t("hits.count", { n: answer.hits.length })}`);
  }, [answer]);
  if (failure) return html`<${Failed} failure=${failure} onAgain=${search} />`;
  if (!answer || !answered) return null;
  const view = viewOf(route.params.get("view"));
  const stale = !sameQuestion(answered.question, fromParams(route.params)) || answered.shots !== shotsNow();
  const renewed = !stale && gallery !== null && (gallery.generation > answer.generation || gallery.fingerprint !== answer.model.fingerprint);
  const cost = Object.entries(answer.milliseconds).map(([stage, value]) => `${stage} ${number(value, { maximumFractionDigits: 1 })} ms`);
  return html`${(stale || renewed) && html`<p class="bar stale" role="status">${rich(stale ? "stale" : "server.changed", {}, search)}</p>`}
    <div class=${stale ? "old" : ""} inert=${stale}>
      <${VerdictBar} answer=${answer} question=${answered.question} view=${view} />
      <${Warnings} answer=${answer} />
      <${LeftOut} answer=${answer} question=${answered.question} far=${far} />
      <${Reordered} answer=${answer} />
      <${Refined} answer=${answer} like=${answered.question.like !== ""} />
      ${answer.hits.length > 0 && html`<${Tools} answer=${answer} view=${view} /><${View} view=${view} far=${far} />`}
      <p class="cost">${answer.model.name} ${answer.model.fingerprint}; ${cost.join(", ")}</p>
    </div>
    <${Compared} />`;
}

/** The hit whose id the address has, beside the query; its module comes when it is opened. */
function Compared() {
  const answer = useApp((state) => state.answer);
  const id = useApp((state) => state.route.params.get("hit"));
  const hit = answer?.hits.find((each) => each.id === id);
  return hit ? html`<${Later} load=${COMPARE} answer=${answer} hit=${hit} />` : null;
}

/** @param {{ view: string, far: ReadonlySet<string> }} props */
function View({ view, far }) {
  const answer = useApp((state) => state.answer);
  const answered = useApp((state) => state.answered);
  if (!answer || !answered) return null;
  const props = { answer, question: answered.question, far, onOpen: open };
  if (view !== "grid") return html`<${Later} load=${LATER[view]} meanwhile=${html`<p class="state">${t("loading")}</p>`} ...${props} />`;
  return html`<${Grid} ...${props} />`;
}
