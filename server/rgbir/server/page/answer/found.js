/** What was found: verdict, what to know about it, what was left out, tools, hits. It comes with the first answer. */

import { html, useEffect, useRef, useState } from "../core/html.js";
import { rich } from "../core/rich.js";
import { changed } from "../core/route.js";
import { addTexts, number, t } from "../core/words.js";
import { search, shotsNow } from "../search/actions.js";
import { fromParams, sameQuestion } from "../search/question.js";
import { go, say, store, useApp, watch } from "../shell/state.js";
import { ANSWER } from "../texts/answer.js";
import { Refined } from "../cases/refined.js";
import { Grid } from "./grid.js";
import { verdictOf } from "./model.js";
import { Tools } from "./tools.js";
import { Failed, LeftOut, VerdictBar, Warnings } from "./verdict.js";

addTexts(ANSWER);

const open = (/** @type {{ id: string }} */ hit) => go(changed(store.get().route, { hit: hit.id }));

/** @type {Record<string, () => Promise<{ default: any }>>} */
const LATER = {
  cameras: () => import("./cameras.js"),
  table: () => import("./table.js"),
  timeline: () => import("../timeline/view.js"),
  plan: () => import("../plan/view.js"),
};

export default function Found() {
  const answer = useApp((state) => state.answer);
  const answered = useApp((state) => state.answered);
  const failure = useApp((state) => state.failure);
  const route = useApp((state) => state.route);
  const gallery = useApp((state) => state.gallery);
  useApp((state) => state.shots);
  useApp((state) => state.language);
  useEffect(() => {
    if (!answer) return;
    const { title, values } = verdictOf(answer);
    say(`${t(title, values)}. ${t("hits.count", { n: answer.hits.length })}`);
  }, [answer]);
  if (failure) return html`<${Failed} failure=${failure} onAgain=${search} />`;
  if (!answer || !answered) return null;
  const view = route.params.get("view") ?? "grid";
  const stale = !sameQuestion(answered.question, fromParams(route.params)) || answered.shots !== shotsNow();
  const renewed = !stale && gallery !== null && (gallery.generation > answer.generation || gallery.fingerprint !== answer.model.fingerprint);
  const cost = Object.entries(answer.milliseconds).map(([stage, value]) => `${stage} ${number(value, { maximumFractionDigits: 1 })} ms`);
  return html`${(stale || renewed) && html`<p class="bar stale" role="status">${rich(t(stale ? "stale" : "server.changed"), search)}</p>`}
    <div class=${stale ? "old" : ""} inert=${stale}>
      <${VerdictBar} answer=${answer} view=${view} />
      <${Warnings} answer=${answer} />
      <${LeftOut} answer=${answer} />
      <${Refined} answer=${answer} like=${answered.question.like !== ""} />
      ${answer.hits.length > 0 && html`<${Tools} answer=${answer} view=${view} /><${View} view=${view} />`}
      <p class="cost">${answer.model.name} ${answer.model.fingerprint}; ${cost.join(", ")}</p>
    </div>
    <${Compared} />`;
}

/** The hit whose id the address has, beside the query; its module comes when it is opened. */
function Compared() {
  const answer = useApp((state) => state.answer);
  const id = useApp((state) => state.route.params.get("hit"));
  const away = useApp((state) => state.away);
  const [Loaded, setLoaded] = useState(/** @type {any} */ (null));
  const hit = answer?.hits.find((each) => each.id === id);
  useEffect(() => {
    if (hit && !Loaded) void import("../compare/view.js").then((module) => setLoaded(() => module.default), watch);
  }, [hit, away]);
  return hit && Loaded ? html`<${Loaded} answer=${answer} hit=${hit} />` : null;
}

/** @param {{ view: string }} props */
function View({ view }) {
  const answer = useApp((state) => state.answer);
  const answered = useApp((state) => state.answered);
  const away = useApp((state) => state.away);
  const [Loaded, setLoaded] = useState(/** @type {any} */ (null));
  const latest = useRef(view);
  latest.current = view;
  useEffect(() => {
    setLoaded(null);
    LATER[view]?.().then((module) => latest.current === view && setLoaded(() => module.default), watch);
  }, [view, away]);
  if (!answer || !answered) return null;
  const props = { answer, question: answered.question, onOpen: open };
  if (view in LATER) return Loaded ? html`<${Loaded} ...${props} />` : html`<p class="state">${t("loading")}</p>`;
  return html`<${Grid} ...${props} />`;
}
