/** The answer's place: empty, searching, waiting, or what was found. Never an old answer beside a new question. */

import { ask } from "../core/api.js";
import { html, useEffect, useState } from "../core/html.js";
import { span, t } from "../core/words.js";
import { useLater } from "../shell/later.js";
import { store, useApp } from "../shell/state.js";
import { Empty } from "./empty.js";

const FOUND = () => import("./found.js");
const USUAL_S = 2;
const SLOW_S = 8;
const QUEUE_S = 4;

export function AnswerRegion() {
  const answer = useApp((state) => state.answer);
  const phase = useApp((state) => state.phase);
  const waits = useApp((state) => state.waits);
  const gallery = useApp((state) => state.gallery);
  const asks = useApp((state) => state.shots.length > 0 || state.phase !== "idle" || state.answer !== null);
  useApp((state) => state.language);
  const [seconds, setSeconds] = useState(0);

  // What shows an answer comes once somebody is about to ask.
  const Found = useLater(asks ? FOUND : null);
  useEffect(() => {
    if (phase !== "searching") return setSeconds(0);
    const timer = setInterval(() => setSeconds((Date.now() - store.get().began) / 1000), 250);
    return () => clearInterval(timer);
  }, [phase]);

  let body;
  if (phase === "waiting") body = html`<p class="state" role="status">${t("server.busy", { n: waits })}</p>`;
  else if (phase === "searching" || (!Found && (answer || phase === "failed"))) {
    body = html`<div class="state" role="status">
      ${seconds >= USUAL_S && html`<p>${t("server.searching", { n: gallery?.sightings ?? 0 })}</p>`}
      ${seconds >= SLOW_S && html`<${Slow} />`}
      <div class="ghosts" aria-hidden="true">${Array.from({ length: 12 }, () => html`<div class="ghost"></div>`)}</div>
    </div>`;
  } else body = answer || phase === "failed" ? html`<${Found} />` : html`<${Empty} />`;
  return html`<section class="answer" id="hits" tabindex="-1" aria-label=${t("hits.label")}>${body}</section>`;
}

/** Longer than usual: how many wait for the model, and for how long, where the server says so. */
function Slow() {
  const [queue, setQueue] = useState(/** @type {import("../core/types.js").Schemas["Queue"] | null} */ (null));
  useEffect(() => {
    let gone = false;
    const look = () => ask("queue").then((now) => gone || setQueue(/** @type {any} */ (now)), () => {});
    void look();
    const timer = setInterval(look, QUEUE_S * 1000);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, []);
  return html`<p>${t("server.slow")} ${queue && queue.requests > 0 && html`${t("server.queue", { n: queue.requests })} ${typeof queue.seconds === "number" ? t("server.queue.span", { span: span(Math.max(queue.seconds, 1)) }) : ""}`}</p>`;
}
