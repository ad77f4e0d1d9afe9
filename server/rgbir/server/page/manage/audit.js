/** Audit: who did what, when and why, in the order of the log; some entries alone; what is shown as a file; whether the log is whole. */

import { ask } from "../core/api.js";
import { Command, Empty } from "../core/empty.js";
import { html, useEffect, useRef, useState } from "../core/html.js";
import { changed } from "../core/route.js";
import { Table } from "../core/table.js";
import { has, moment, number, t } from "../core/words.js";
import { MomentField } from "../search/taken.js";
import { Trouble, useLoaded } from "../shell/load.js";
import { go, store, useApp } from "../shell/state.js";
import { failed } from "./network.js";
import { ACTIONS, FILTERS, actionCode, afterOf, auditPath, filtersOf, hitsOf, linesOf, subject } from "./entries.js";

/** @typedef {import("./entries.js").Entry} Entry */

const LIMIT = 100;
const MOST = 1000;

export default function Audit() {
  const params = useApp((state) => state.route.params);
  const { data, failure, again } = useLoaded(/** @type {string} */ (auditPath(params, LIMIT)));
  const entries = /** @type {{ entries: Entry[] } | null} */ (data)?.entries ?? [];
  const after = afterOf(params);
  const { reading, refusal, toEnd } = useEnd(params);
  const set = filtersOf(params);
  const show = (/** @type {Record<string, string | null>} */ change) => go(changed(store.get().route, change));
  if (failure?.status === 404) return html`<${Empty} title=${t("audit.none")} text=${t("audit.none.why")}><${Command} text="rgbir serve --audit audit.jsonl …" /><//>`;
  const last = entries.at(-1)?.n;
  return html`<section aria-labelledby="audit-title">
    <div class="head"><h2 id="audit-title">${t("manage.audit")}</h2></div>
    <${Filters} set=${set} key=${JSON.stringify(set)} onShow=${show} />
    <${Trouble} failure=${failure ?? refusal} onAgain=${again} />
    ${!data && !failure && html`<p class="state">${t("loading")}</p>`}
    ${data && entries.length === 0 && html`<${Empty} title=${t(after || Object.keys(set).length ? "audit.nothing" : "audit.empty")} />`}
    ${entries.length > 0 && html`<${Table} caption=${t("audit.shown", { first: entries[0].n, last })} shown=${true} rows=${entries} keyOf=${(/** @type {Entry} */ entry) => entry.n} columns=${columns()} />`}
    <div class="buttons">
      ${after > 0 && html`<button type="button" onClick=${() => show({ after: null })}>${t("audit.first")}</button>`}
      ${after > 0 && html`<button type="button" onClick=${() => history.back()}>${t("audit.back")}</button>`}
      ${entries.length === LIMIT && html`<button type="button" onClick=${() => show({ after: String(last) })}>${t("audit.next")}</button>`}
      ${entries.length === LIMIT && html`<button type="button" aria-busy=${reading > 0} onClick=${toEnd}>${reading ? t("audit.reading", { n: reading }) : t("audit.newest")}</button>`}
      ${entries.length > 0 && html`<${Export} entries=${entries} />`}
    </div>
    <${ChainState} />
  </section>`;
}

/**
 * What is asked for; its draft is applied by Enter or the button.
 * @param {{ set: Record<string, string>, onShow: (change: Record<string, string | null>) => void }} props
 */
function Filters({ set, onShow }) {
  const [draft, setDraft] = useState(set);
  const apply = (/** @type {Record<string, string>} */ wanted) => onShow({ ...Object.fromEntries(FILTERS.map((name) => [name, wanted[name]?.trim() || null])), after: null });
  const text = (/** @type {string} */ name, /** @type {string} */ label) =>
    html`<label>${t(label)} <input id=${`audit-${name}`} autocomplete="off" maxlength="200" value=${draft[name] ?? ""} onInput=${(/** @type {Event} */ event) => setDraft({ ...draft, [name]: /** @type {HTMLInputElement} */ (event.currentTarget).value })} /></label>`;
  const moments = (/** @type {string} */ name, /** @type {string} */ label) =>
    html`<div><label class="label" for=${`audit-${name}`}>${t(label)}</label><${MomentField} id=${`audit-${name}`} value=${draft[name] ?? ""} onChange=${(/** @type {string} */ iso) => setDraft({ ...draft, [name]: iso })} /></div>`;
  return html`<form class="filters" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), apply(draft))}>
    ${text("who", "audit.who")}
    <label>${t("audit.what")} <select id="audit-action" onChange=${(/** @type {Event} */ event) => setDraft({ ...draft, action: /** @type {HTMLSelectElement} */ (event.currentTarget).value })}>
      ${["", ...ACTIONS, ...(draft.action && !ACTIONS.includes(draft.action) ? [draft.action] : [])].map((action) => html`<option value=${action} selected=${action === (draft.action ?? "")}>${action ? (has(actionCode(action)) ? t(actionCode(action)) : action) : t("audit.anything")}</option>`)}
    </select></label>
    ${text("case", "why.case")} ${moments("since", "audit.since")} ${moments("until", "audit.until")}
    <button type="submit">${t("audit.filter")}</button>
    ${Object.keys(set).length > 0 && html`<button type="button" onClick=${() => apply({})}>${t("audit.all")}</button>`}
  </form>`;
}

/** Whether the log is whole: looked at when somebody wants to know, as all of it is read. */
function ChainState() {
  const [chain, setChain] = useState(/** @type {import("../core/types.js").Schemas["AuditChain"] | null} */ (null));
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState(/** @type {any} */ (null));
  const look = async () => {
    if (busy) return;
    setBusy(true);
    setFailure(null);
    try {
      setChain(await ask("audit/chain"));
    } catch (error) {
      failed(setFailure)(error);
    }
    setBusy(false);
  };
  return html`<div class="box chain"><h3>${t("audit.chain")}</h3><p>${t("audit.chain.what")}</p>
    <p class="buttons"><button type="button" aria-busy=${busy} onClick=${look}>${t(busy ? "audit.chain.busy" : "audit.chain.look")}</button></p>
    <${Trouble} failure=${failure} />
    <div role="status">${chain &&
      !failure &&
      (chain.whole
        ? html`<p><strong>${chain.last ? t("audit.chain.whole", { n: chain.last }) : t("audit.empty")}</strong></p>
            ${(chain.first ?? 1) > 1 && html`<p class="note">${t("audit.chain.from", { n: chain.first })}</p>`}
            <p class="note">${t(chain.heads ? "audit.chain.heads" : "audit.chain.noheads")}</p>`
        : html`<div class="trouble"><p><strong>${chain.broken_at ? t("audit.chain.broken", { n: chain.broken_at }) : t("audit.chain.wrong")}</strong></p>
            <ul>${(chain.problems ?? []).map((problem) => html`<li>${problem}</li>`)}</ul>
            ${chain.last && html`<p>${t("audit.chain.until", { n: chain.last })}</p>`}</div>`)}</div>
    <p class="note">${t("audit.chain.command")}</p><${Command} text="rgbir audit verify audit.jsonl" /></div>`;
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
  { name: "what", text: t("audit.what"), cell: (/** @type {Entry} */ entry) => { const code = actionCode(entry.action); return html`${has(code) ? t(code) : String(entry.action)}<br /><small class="soft">${subject(entry)}</small>`; } },
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
