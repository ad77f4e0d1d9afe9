/** System: whether it answers, with what, how much, since when; and what to do about what is bad. */

import { ask, request } from "../core/api.js";
import { Table } from "../core/table.js";
import { html, useEffect, useState } from "../core/html.js";
import { bytes, moment, number, span, t } from "../core/words.js";
import { may, store, useApp } from "../shell/state.js";
import { drift, facts, samples } from "./health.js";

/** @typedef {import("./health.js").Fact} Fact */
/** @typedef {ReturnType<typeof drift>[number]} Pair */

/** Readiness is told with 503, too. */
async function readiness() {
  const response = await fetch("health/ready", { cache: "no-store" });
  return /** @type {{ status: string, detail?: string }} */ (await response.json());
}

export default function System() {
  const gallery = useApp((state) => state.gallery);
  const away = useApp((state) => state.away);
  const [ready, setReady] = useState(/** @type {{ status: string, detail?: string } | null} */ (null));
  const [list, setList] = useState(/** @type {import("./health.js").Sample[]} */ ([]));
  const [queue, setQueue] = useState(/** @type {Parameters<typeof facts>[4]} */ (null));
  const [at, setAt] = useState(/** @type {Date | null} */ (null));
  const [round, setRound] = useState(0);
  useEffect(() => {
    let gone = false;
    const look = async () => {
      const health = await readiness().catch(() => null);
      const text = may("monitor") ? await request("metrics").then((response) => response.text(), () => "") : "";
      if (may("look")) await ask("gallery").then((answer) => store.set({ gallery: /** @type {any} */ (answer) }), () => {});
      const waits = may("look") ? await ask("queue").catch(() => null) : null;
      if (gone) return;
      setQueue(/** @type {any} */ (waits));
      setReady(health);
      setList(samples(text));
      setAt(new Date());
    };
    void look();
    return () => {
      gone = true;
    };
  }, [round, away]);
  const rows = facts(ready, list, gallery, new Date(), queue);
  const pairs = drift(list);
  return html`<section aria-labelledby="system-title">
    <div class="head"><h2 id="system-title">${t("manage.system")}</h2>${at && html`<span class="soft">${t("system.at", { time: moment(at, { seconds: true }) })}</span>`}<span class="grow"></span>
      <button type="button" onClick=${() => setRound(round + 1)}>${t("system.again")}</button></div>
    ${!at && html`<p class="state">${t("loading")}</p>`}
    ${at &&
    html`<${Table} caption=${t("manage.system")} rows=${rows} keyOf=${(/** @type {Fact} */ fact) => fact.name}
      columns=${[
        { name: "what", text: t("system.what"), cell: (/** @type {Fact} */ fact) => t(`system.${fact.name}`) },
        { name: "value", text: t("system.value"), cell: (/** @type {Fact} */ fact) => html`<span class=${fact.bad ? "bad" : ""}>${fact.bad ? "▲ " : ""}${shown(fact)}</span>` },
        { name: "do", text: t("system.do"), cell: (/** @type {Fact} */ fact) => (fact.bad ? t(fact.bad) : "") },
      ]} />`}
    ${pairs.length > 0 &&
    html`<h3>${t("system.drift")}</h3><p class="note">${t("system.drift.what")}</p>
      <${Table} caption=${t("system.drift")} rows=${pairs} keyOf=${(/** @type {Pair} */ pair) => `${pair.query}→${pair.hit}`}
        columns=${[
          { name: "query", text: t("system.drift.query"), cell: (/** @type {Pair} */ pair) => pair.query },
          { name: "hit", text: t("system.drift.hit"), cell: (/** @type {Pair} */ pair) => pair.hit },
          { name: "searches", number: true, text: t("system.drift.searches"), cell: (/** @type {Pair} */ pair) => number(pair.searches) },
          { name: "mean", number: true, text: t("system.drift.mean"), cell: (/** @type {Pair} */ pair) => number(pair.mean, { maximumFractionDigits: 2, minimumFractionDigits: 2 }) },
        ]} />`}
  </section>`;
}

/** @param {Fact} fact */
function shown({ name, value, kind }) {
  if (kind === "count") return number(Number(value));
  if (kind === "bytes") return bytes(Number(value));
  if (kind === "span") return span(Number(value));
  if (kind === "moment") return moment(String(value), { year: true, seconds: true });
  return name === "ready" ? t(`system.ready.${value}`) : String(value);
}
