/** Audit: who did what, when and why, in the order of the log; a case's entries alone; what is shown as a file. */

import { ask } from "../core/api.js";
import { Command, Empty } from "../core/empty.js";
import { html, useEffect, useRef, useState } from "../core/html.js";
import { changed } from "../core/route.js";
import { Table } from "../core/table.js";
import { has, moment, number, t } from "../core/words.js";
import { Trouble, useLoaded } from "../shell/load.js";
import { go, store, useApp } from "../shell/state.js";
import { failed } from "./network.js";
import { afterOf, auditPath, hitsOf, linesOf, subject } from "./entries.js";

/** @typedef {import("./entries.js").Entry} Entry */

const LIMIT = 100;
const MOST = 1000;

export default function Audit() {
  const params = useApp((state) => state.route.params);
  const { data, failure, again } = useLoaded(/** @type {string} */ (auditPath(params, LIMIT)));
  const entries = /** @type {{ entries: Entry[] } | null} */ (data)?.entries ?? [];
  const after = afterOf(params);
  const [wanted, setWanted] = useState(params.get("case") ?? "");
  const { reading, refusal, toEnd } = useEnd(params);
  useEffect(() => setWanted(params.get("case") ?? ""), [params]);
  const show = (/** @type {Record<string, string | null>} */ change) => go(changed(store.get().route, change));
  const filter = (/** @type {Event} */ event) => {
    event.preventDefault();
    show({ case: wanted.trim() || null, after: null });
  };
  if (failure?.status === 404) return html`<${Empty} title=${t("audit.none")} text=${t("audit.none.why")}><${Command} text="rgbir serve --audit audit.jsonl …" /><//>`;
  const last = entries.at(-1)?.n;
  return html`<section aria-labelledby="audit-title">
    <div class="head"><h2 id="audit-title">${t("manage.audit")}</h2></div>
    <form class="filters" onSubmit=${filter}>
      <label>${t("why.case")} <input autocomplete="off" maxlength="100" value=${wanted} onInput=${(/** @type {Event} */ event) => setWanted(/** @type {HTMLInputElement} */ (event.currentTarget).value)} /></label>
      <button type="submit">${t("audit.filter")}</button>
      ${params.get("case") && html`<button type="button" class="chip set" onClick=${() => show({ case: null, after: null })}>${t("audit.case", { name: params.get("case") })} ✕</button>`}
    </form>
    <${Trouble} failure=${failure ?? refusal} onAgain=${again} />
    ${!data && !failure && html`<p class="state">${t("loading")}</p>`}
    ${data && entries.length === 0 && html`<${Empty} title=${t(after || params.get("case") ? "audit.nothing" : "audit.empty")} />`}
    ${entries.length > 0 && html`<${Table} caption=${t("audit.shown", { first: entries[0].n, last })} shown=${true} rows=${entries} keyOf=${(/** @type {Entry} */ entry) => entry.n} columns=${columns()} />`}
    <div class="buttons">
      ${after > 0 && html`<button type="button" onClick=${() => show({ after: null })}>${t("audit.first")}</button>`}
      ${after > 0 && html`<button type="button" onClick=${() => history.back()}>${t("audit.back")}</button>`}
      ${entries.length === LIMIT && html`<button type="button" onClick=${() => show({ after: String(last) })}>${t("audit.next")}</button>`}
      ${entries.length === LIMIT && html`<button type="button" aria-busy=${reading > 0} onClick=${toEnd}>${reading ? t("audit.reading", { n: reading }) : t("audit.newest")}</button>`}
      ${entries.length > 0 && html`<${Export} entries=${entries} />`}
    </div>
    <div class="box chain"><h3>${t("audit.chain")}</h3><p>${t("audit.chain.what")}</p><${Command} text="rgbir audit verify audit.jsonl" /></div>
  </section>`;
}

/** The newest entries: the log is read on from here until its end. @param {URLSearchParams} params */
function useEnd(params) {
  const [reading, setReading] = useState(0);
  const [refusal, setRefusal] = useState(/** @type {any} */ (null));
  const gone = useRef(false);
  useEffect(() => () => void (gone.current = true), []);
  const toEnd = async () => {
    if (reading) return;
    const query = new URLSearchParams(params);
    /** @type {number[]} */
    let numbers = [];
    setReading(afterOf(query) || 1);
    try {
      for (;;) {
        const { entries } = /** @type {{ entries: Entry[] }} */ (await ask(auditPath(query, MOST)));
        if (gone.current) return;
        numbers = [...numbers, ...entries.map((entry) => Number(entry.n))].slice(-LIMIT - 1);
        if (entries.length < MOST) break;
        query.set("after", String(numbers.at(-1)));
        setReading(numbers.at(-1) ?? 1);
      }
      const before = numbers.length > LIMIT ? numbers[0] : 0;
      go(changed(store.get().route, { after: before ? String(before) : null }));
    } catch (error) {
      failed(setRefusal)(error);
    } finally {
      setReading(0);
    }
  };
  return { reading, refusal, toEnd };
}

const columns = () => [
  { name: "n", number: true, text: t("audit.n"), cell: (/** @type {Entry} */ entry) => number(entry.n) },
  { name: "at", text: t("table.time"), cell: (/** @type {Entry} */ entry) => moment(String(entry.at), { seconds: true, year: true }) },
  { name: "who", text: t("audit.who"), cell: (/** @type {Entry} */ entry) => String(entry.who ?? "") },
  { name: "what", text: t("audit.what"), cell: (/** @type {Entry} */ entry) => { const code = `action.${String(entry.action).replaceAll(" ", "_")}`; return html`${has(code) ? t(code) : String(entry.action)}<br /><small class="soft">${subject(entry)}</small>`; } },
  { name: "case", text: t("audit.case.column"), cell: (/** @type {Entry} */ entry) => String(entry.case ?? "") },
  { name: "why", text: t("audit.why"), cell: (/** @type {Entry} */ entry) => String(entry.purpose ?? entry.reason ?? "") },
  { name: "hits", number: true, text: t("audit.hits"), cell: (/** @type {Entry} */ entry) => { const hits = hitsOf(entry); return hits === null ? "" : number(hits); } },
];

/** What is shown as lines of JSON; the address of it lives as long as the list. @param {{ entries: Entry[] }} props */
function Export({ entries }) {
  const [url, setUrl] = useState("");
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([linesOf(entries)], { type: "application/jsonl" }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [entries]);
  return html`<a class="button" href=${url} download=${`audit-${entries[0].n}-${entries.at(-1)?.n}.jsonl`}>${t("audit.export", { n: entries.length })}</a>`;
}
