/** What a view shows of the server: asked for when it opens, again when wanted, and over and over while something goes on. */

import { Refusal, ask } from "../core/api.js";
import { html, useCallback, useEffect, useRef, useState } from "../core/html.js";
import { t } from "../core/words.js";
import { whyNot } from "./failure.js";
import { refused, useApp } from "./state.js";

/** @typedef {import("../core/api.js").Refusal} Failure */

/**
 * @template Answer
 * @param {string | null} path nothing is asked where it is null
 * @param {(answer: Answer) => boolean} [goesOn] whether to ask again, every two seconds
 * @param {unknown} [of] asked again where this changes
 * @returns {{ data: Answer | null, failure: Failure | null, again: () => void }}
 */
export function useLoaded(path, goesOn, of) {
  const [data, setData] = useState(/** @type {Answer | null} */ (null));
  const [failure, setFailure] = useState(/** @type {Failure | null} */ (null));
  const [round, setRound] = useState(0);
  const me = useApp((state) => state.me);
  const away = useApp((state) => state.away);
  const latest = useRef("");
  const again = useCallback(() => setRound((before) => before + 1), []);
  useEffect(() => {
    if (latest.current !== path) setData(null);
    latest.current = path ?? "";
    if (!path || !me || away) return undefined;
    const stop = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const look = async () => {
      try {
        const answer = /** @type {Answer} */ (await ask(path, { signal: stop.signal }));
        setData(answer);
        setFailure(null);
        if (goesOn?.(answer) && !stop.signal.aborted) timer = setTimeout(look, 2000);
      } catch (error) {
        if (stop.signal.aborted || !(error instanceof Refusal)) return;
        setFailure(error);
        refused(error);
      }
    };
    void look();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [path, round, me, away, of]);
  return { data, failure, again };
}

/**
 * A refusal where it belongs, with what to do. That nobody is signed in is told by the dialog that asks for a key.
 * @param {{ failure: unknown, title?: string, onAgain?: () => void }} props
 */
export function Trouble({ failure, title = "", onAgain }) {
  const refusal = failure instanceof Refusal ? failure : null;
  if (!failure || refusal?.status === 401) return null;
  return html`<div class="trouble" role="alert">
    <p>${title && html`<strong>${title}</strong> `}${whyNot(failure)}</p>
    ${refusal?.requestId && html`<p class="note">${t("server.request", { id: refusal.requestId })}</p>`}
    ${onAgain && refusal?.status !== 403 && html`<p><button type="button" onClick=${onAgain}>${t("server.again")}</button></p>`}
  </div>`;
}

/** What a key may not see, with what it may. @param {{ parts: { path: string, text: string }[] }} props */
export function Forbidden({ parts }) {
  const me = useApp((state) => state.me);
  return html`<div class="nothing"><h2>${t("may.not", { role: me ? t(`role.${me.role}`) : "" })}</h2>
    ${parts.length > 0 && html`<p>${t("may.instead")} ${parts.map((part, place) => html`${place ? ", " : ""}<a href=${`#${part.path}`}>${t(part.text)}</a>`)}</p>`}
  </div>`;
}
