/** A case: its head, what can be done with it, and its parts. */

import { handOver } from "../core/handed.js";
import { html, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { language, number, t, zone } from "../core/words.js";
import { key } from "../core/api.js";
import { Trouble, useLoaded } from "../shell/load.js";
import { go } from "../shell/state.js";
import { toParams } from "../search/question.js";
import { Approval } from "./approval.js";
import { barredText } from "./barred.js";
import { Course } from "./course.js";
import { Hits } from "./hits.js";
import { barred, mayWork, questionOf } from "./model.js";
import { Notes } from "./notes.js";
import { dated } from "./parts.js";
import { Rights } from "./rights.js";
import { Searches } from "./searches.js";
import { Side } from "./side.js";
import { casePath, useCase } from "./state.js";
import { reason, searchHash, tell, use } from "./work.js";

/** @typedef {import("../core/types.js").Case} Case */

const SHOWN = /** @type {Record<string, (props: { of: Case, onChanged: () => void }) => unknown>} */ ({ course: Course, hits: Hits, searches: Searches, notes: Notes, rights: Rights });

/** @param {{ id: string, part: string }} props */
export function CaseView({ id, part }) {
  const changes = useCase((state) => state.changes);
  const { data, failure, again } = useLoaded(casePath(id), undefined, changes);
  const of = /** @type {Case | null} */ (data);
  if (failure?.status === 404) return html`<section class="cases"><div class="nothing"><h2>${t("case.gone")}</h2><p><a href="#/cases">${t("case.all")}</a></p></div></section>`;
  if (!of) return html`<section class="cases"><${Trouble} failure=${failure} onAgain=${again} />${!failure && html`<p class="state">${t("loading")}</p>`}</section>`;
  const counts = { course: null, hits: of.pictures.filter(({ kind }) => kind === "hit").length, searches: of.searches.length, notes: of.notes.length, rights: null };
  const Part = SHOWN[part];
  return html`<section class="cases">
    <${Head} of=${of} />
    <${Trouble} failure=${failure} onAgain=${again} />
    <nav class="case-parts" aria-label=${t("case.parts")}>
      ${Object.entries(counts).map(([name, count]) => html`<a href=${`#/cases/${encodeURIComponent(id)}${name === "course" ? "" : `/${name}`}`} aria-current=${name === part ? "page" : undefined}>${t(`part.${name}`)}${count === null ? "" : ` ${number(count)}`}</a>`)}
    </nav>
    <div class=${part === "course" ? "case-two" : ""}><div class="case-main"><${Part} of=${of} onChanged=${again} /></div>${part === "course" && html`<${Side} of=${of} onChanged=${again} />`}</div>
  </section>`;
}

/** @param {{ of: Case }} props */
function Head({ of }) {
  const inUse = useCase((state) => state.id) === of.id;
  const [busy, setBusy] = useState("");
  const readers = of.people.length;
  const closed = barred(of);
  const again = async () => {
    await use(of.id);
    const last = of.searches.at(-1);
    if (!last) return go(`#/search?case=${encodeURIComponent(of.id)}`);
    return go(searchHash(of.id, last, toParams(questionOf(last))));
  };
  const note = () => {
    go(`#/cases/${encodeURIComponent(of.id)}/notes`);
    setTimeout(() => document.getElementById("note-text")?.focus(), 100);
  };
  const fetched = async (/** @type {string} */ what, /** @type {string} */ path, /** @type {string} */ name) => {
    if (busy) return;
    setBusy(what);
    try {
      await handOver(path, name);
    } catch (error) {
      tell(reason(error), { bad: true });
    }
    setBusy("");
  };
  const report = casePath(of.id, `/report?${new URLSearchParams({ language: language(), zone: zone() })}`);
  const fileName = of.number.replace(/[^\p{L}\p{N}._-]+/gu, "_");
  return html`<header class="case-head">
    <p class="crumbs"><a href="#/cases">${t("nav.cases")}</a> / ${of.number}</p>
    <div class="case-line"><h2>${of.number} ${of.title}</h2>
      <p class="buttons case-buttons">
        ${mayWork(of) && html`<button type="button" onClick=${note}><${Icon} name="note" /> ${t("case.note")}</button>`}
        ${key.get()
          ? html`<button type="button" aria-busy=${busy === "report"} onClick=${() => fetched("report", report, `${fileName}.html`)}><${Icon} name="print" /> ${t("case.report")}</button>`
          : html`<a class="button" href=${report} target="_blank" rel="noopener"><${Icon} name="print" /> ${t("case.report")}</a>`}
        <button type="button" aria-busy=${busy === "evidence"} onClick=${() => fetched("evidence", casePath(of.id, "/evidence"), `${fileName}.zip`)}><${Icon} name="lock" /> ${t("case.evidence")}</button>
        ${mayWork(of) && !inUse && html`<button type="button" onClick=${() => void use(of.id)}><${Icon} name="case" /> ${t("case.use")}</button>`}
        ${!closed && html`<button type="button" class="primary" onClick=${again}><${Icon} name="search" /> ${t(of.searches.length ? "case.again" : "case.first")}</button>`}
      </p></div>
    <dl class="case-facts">
      <div><dt>${t("case.purpose")}</dt><dd>${of.purpose}</dd></div>
      ${of.basis && html`<div><dt>${t("case.basis")}</dt><dd>${of.basis}</dd></div>`}
      <div><dt>${t("cases.owner")}</dt><dd>${of.owner}</dd></div>
      <div><dt>${t("case.people")}</dt><dd>${number(readers)}</dd></div>
      <div><dt>${t("cases.until")}</dt><dd>${dated(of.keep_until)}</dd></div>
      <div class=${of.hold ? "held" : ""}><dt class="unseen">${t("case.hold")}</dt><dd><${Icon} name="shield" size=${16} /> ${of.hold ? t("case.hold.since", { time: dated(of.hold.at), who: of.hold.who }) : t("case.hold.none")}</dd></div>
    </dl>
    ${of.hold && html`<p class="note">${t("case.hold.why", { why: of.hold.why })}</p>`}
    ${closed && closed !== "case.reader" && html`<p class="barred" role="status">${barredText(of)}</p>`}
    ${of.approvable && html`<${Approval} of=${of} />`}
  </header>`;
}
