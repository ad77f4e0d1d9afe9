/** The case in use: its menu at the right of the bar, and what belongs to it on every part of the page: its address, its questions, its toast. */

import { ask } from "../core/api.js";
import { Dialog } from "../core/dialog.js";
import { html, useEffect, useRef, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { changed } from "../core/route.js";
import { style } from "../core/style.js";
import { t } from "../core/words.js";
import { shotsNow } from "../search/actions.js";
import { fromParams } from "../search/question.js";
import { useLoaded } from "../shell/load.js";
import { go, store, useApp } from "../shell/state.js";
import { answerOf, isRefined, mayWork } from "./model.js";
import { NewCase } from "./new.js";
import { casePath, casing, useCase } from "./state.js";
import { Toast } from "./toast.js";
import { handOver, markHit, reason, refresh, shotOf, tell, use } from "./work.js";

await style("marks");

const FEW = 8;

export function Keeper() {
  const me = useApp((state) => state.me);
  const route = useApp((state) => state.route);
  const answer = useApp((state) => state.answer);
  const id = useCase((state) => state.id);
  const current = useCase((state) => state.current);
  const asking = useCase((state) => state.asking);
  const making = useCase((state) => state.making);
  useApp((state) => state.language);
  const name = me?.name ?? "";
  useEffect(() => handOver(name), [name]);
  useFollowed(route, id, current);
  const compares = route.params.has("hit") && answer?.hits.some((hit) => hit.id === route.params.get("hit"));
  return html`${!compares && html`<${Toast} />`}
    ${asking && html`<${Into} asking=${asking} />`}
    ${making && html`<${NewCase} onClose=${() => casing.set({ making: false })} onMade=${(/** @type {import("../core/types.js").CaseHead} */ head) => void used(head.id)} />`}`;
}

/** The address and the case in use are one: whichever is new leads. @param {import("../core/route.js").Route} route @param {string} id @param {import("../core/types.js").Case | null} current */
function useFollowed(route, id, current) {
  const there = route.path === "/search";
  const wanted = route.params.get("case") ?? "";
  const brought = useRef("");
  useEffect(() => {
    if (!there) return;
    if (wanted && wanted !== id && wanted !== current?.number) void use(wanted);
    else if (id && wanted !== id) go(changed(store.get().route, { case: id }), { replace: true });
  }, [there, wanted, id]);
  const queries = route.params.getAll("query").join();
  const search = route.params.get("search") ?? "";
  useEffect(() => {
    const what = `${current?.id} ${queries} ${search}`;
    if (!there || !current || (wanted !== current.id && wanted !== current.number) || brought.current === what) return;
    brought.current = what;
    void bring(current, queries ? queries.split(",") : [], Number(search));
  }, [there, current, queries, search]);
}

/** What the address names of a case: its pictures as shots, and a search's answer as it was given. @param {import("../core/types.js").Case} of @param {string[]} queries @param {number} n */
async function bring(of, queries, n) {
  try {
    const { shots, answer } = store.get();
    const there = shots.map((shot) => shot.kept?.picture ?? "");
    if (queries.length && queries.join() !== there.join()) {
      const brought = (await Promise.all(queries.map((query) => shotOf(of, query)))).filter((shot) => shot !== null);
      for (const shot of store.get().shots) URL.revokeObjectURL(shot.url);
      store.set({ shots: brought });
      if (brought.length < queries.length) tell(t("query.gone"), { bad: true });
    }
    if (!n || (answer?.case?.id === of.id && answer.case.search === n)) return;
    const kept = /** @type {import("../core/types.js").CaseAnswer} */ (await ask(casePath(of.id, `/searches/${n}`)));
    const { route, phase } = store.get();
    if (route.params.get("search") !== String(n) || phase === "searching") return;
    const shown = answerOf(kept, of);
    store.set({ answer: shown, answered: { question: { ...fromParams(route.params), refined: isRefined(shown) }, shots: shotsNow(), at: new Date(kept.at) }, phase: "idle", failure: null });
    const hit = route.params.get("hit");
    if (hit && !shown.hits.some((each) => each.id === hit)) tell(t("stored.not", { n }), { bad: true });
    casing.set({ before: null, stored: { n, at: kept.at, who: kept.who, gone: kept.ranking.filter((hit) => hit === null).length } });
  } catch (error) {
    tell(reason(error), { bad: true });
  }
}

/** Uses a case; a mark that asked for one goes into it. @param {string} id */
async function used(id) {
  const { asking } = casing.get();
  casing.set({ asking: null, making: false });
  await use(id);
  if (store.get().route.path === "/cases") go(`#/cases/${encodeURIComponent(id)}`);
  if (asking?.mark) markHit(asking.sighting, asking.mark);
}

/** Cases that one may add to. @param {boolean} wanted */
function useCases(wanted) {
  const changes = useCase((state) => state.changes);
  const { data } = useLoaded(wanted ? "cases" : null, undefined, changes);
  return /** @type {import("../core/types.js").CaseHead[] | null} */ (data?.cases.filter(mayWork) ?? null);
}

export function Menu() {
  const id = useCase((state) => state.id);
  const current = useCase((state) => state.current);
  const [open, setOpen] = useState(false);
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const cases = useCases(open);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  const choose = (/** @type {string} */ chosen) => {
    close();
    void use(chosen);
  };
  return html`<div class="menu case-menu" onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && open && close()}>
    <button type="button" ref=${button} class="case-button" aria-expanded=${open} title=${t("case.inuse")} onClick=${() => (open || void refresh(), setOpen(!open))}>
      <${Icon} name="case" /> <span class="unseen">${t("case.inuse")}:</span> <span class="cut">${current ? html`${current.number}<span class="case-title"> ${current.title}</span>` : t("case.none")}</span> <${Icon} name="down" size=${14} /></button>
    ${open &&
    html`<div class="menu-list case-list">
      ${cases === null ? html`<p class="soft">${t("loading")}</p>` : cases.slice(0, FEW).map((head) => html`<button type="button" aria-pressed=${head.id === current?.id} onClick=${() => choose(head.id)}><span class="cut">${head.number} ${head.title}</span></button>`)}
      ${cases !== null && (cases.length > FEW || cases.length === 0) && html`<a href="#/cases" onClick=${() => setOpen(false)}>${t(cases.length ? "case.all" : "case.list.empty")}</a>`}
      <hr />
      ${current && html`<a href=${`#/cases/${encodeURIComponent(current.id)}`} onClick=${() => setOpen(false)}>${t("case.open")}</a>`}
      <button type="button" onClick=${() => (setOpen(false), casing.set({ making: true }))}><${Icon} name="add" size=${16} /> ${t("case.new")}</button>
      ${id && html`<button type="button" onClick=${() => choose("")}>${t("case.without")}</button>`}
    </div>`}
  </div>`;
}

/** Into which case a mark goes; or which one to use. @param {{ asking: NonNullable<import("./state.js").Casing["asking"]> }} props */
function Into({ asking }) {
  const id = useCase((state) => state.id);
  const cases = useCases(true);
  const needed = useApp((state) => state.me?.needs_case ?? false);
  const marks = asking.mark !== null;
  const close = () => casing.set({ asking: null });
  const inTab = () => {
    casing.set({ asking: null, tabOnly: true });
    if (asking.mark) markHit(asking.sighting, asking.mark);
  };
  return html`<${Dialog} title=${t(marks ? "into.title" : "into.choose")} onClose=${close}>
    ${marks && html`<p class="note">${t("into.why")}</p>`}
    <ul class="into">
      ${cases === null ? html`<li class="soft">${t("loading")}</li>` : cases.map((head) => html`<li key=${head.id}><button type="button" aria-pressed=${head.id === id} onClick=${() => void used(head.id)}><strong>${head.number}</strong> <span>${head.title}</span></button></li>`)}
      <li><button type="button" onClick=${() => casing.set({ making: true })}><${Icon} name="add" size=${16} /> ${t("case.new")}</button></li>
      ${marks && html`<li><button type="button" onClick=${inTab}>${t("into.tab")}</button><p class="note">${t("into.tab.what")}</p></li>`}
      ${!marks && id && !needed && html`<li><button type="button" onClick=${() => void used("")}>${t("case.without")}</button></li>`}
    </ul>
  <//>`;
}
