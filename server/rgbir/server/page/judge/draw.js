/** A draw: the pair that is next, an answer, and another pair; the result when all are judged. */

import { Refusal, ask, form } from "../core/api.js";
import { html, useEffect, useRef, useState } from "../core/html.js";
import { t } from "../core/words.js";
import { Trouble } from "../shell/load.js";
import { refused, say, useApp } from "../shell/state.js";
import { drawPath, lastOf } from "./model.js";
import { PairView } from "./pair.js";
import { Result } from "./result.js";
import { useKeys } from "./keys.js";

/** @typedef {import("./model.js").Pair} Pair */
/** @typedef {import("../cases/model.js").MarkKind} MarkKind */

/** @param {{ id: string, told: boolean }} props `told`: whether the result is asked for, by somebody who doesn't judge */
export function Draw({ id, told }) {
  const me = useApp((state) => state.me);
  const away = useApp((state) => state.away);
  const [shown, setShown] = useState(/** @type {Pair | null} */ (null));
  const [failure, setFailure] = useState(/** @type {unknown} */ (null));
  const busy = useRef(false);
  const given = useRef(/** @type {number[]} */ ([]));
  /** One request at a time: an answer is never to a pair that wasn't seen yet. @param {() => Promise<Pair>} work */
  const run = async (work) => {
    if (busy.current) return null;
    busy.current = true;
    try {
      const next = await work();
      setShown(next);
      setFailure(null);
      return next;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refused(error);
      setFailure(error);
      return null;
    } finally {
      busy.current = false;
    }
  };
  const load = () => run(() => ask(drawPath(id, "/next")));
  useEffect(() => {
    if (me && !away) void load();
  }, [me, away]);
  const again = async () => {
    await load();
    /** @type {HTMLElement | null} */ (document.querySelector(".judge .mark-buttons"))?.focus();
  };
  const answer = async (/** @type {MarkKind} */ kind) => {
    const pair = shown?.pair;
    if (!pair) return;
    const next = await run(() => ask(drawPath(id, "/answers"), { method: "POST", body: form({ pair, answer: kind }) }));
    if (!next) return;
    given.current = [...given.current, pair];
    say(next.pair ? t("judge.said", { mark: t(`mark.${kind}`), done: next.answered, n: next.pairs }) : t("judge.ended", { n: next.pairs }));
  };
  const undo = async () => {
    const last = shown && lastOf(given.current, shown);
    if (!last) return say(t("undo.nothing"));
    const next = await run(() => ask(drawPath(id, `/answers/${last}`), { method: "DELETE" }));
    if (!next) return undefined;
    given.current = given.current.slice(0, -1);
    return say(next.answered < shown.answered ? t("judge.back", { done: next.answered, n: next.pairs }) : t("undo.nothing"));
  };
  const judges = shown !== null && Boolean(shown.pair) && !(told && shown.answered === 0);
  useKeys((act) => {
    if (act === "undo") void undo();
    else if (judges) void answer(act);
  });
  return html`<section class="judge">
    <p><a href="#/judge">${t("judge.all")}</a></p>
    <${Trouble} failure=${failure} onAgain=${again} />
    ${!shown && !failure && html`<p class="state">${t("loading")}</p>`}
    ${shown && (judges ? html`<${PairView} shown=${shown} onAnswer=${answer} onUndo=${undo} />` : html`<${Result} id=${id} onUndo=${shown.answered > 0 ? undo : null} />`)}
  </section>`;
}
