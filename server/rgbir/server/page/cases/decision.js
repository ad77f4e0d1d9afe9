/** The decision about a hit in Compare: three buttons, a note that belongs to the mark, undo, and what was marked so far. */

import { html, useEffect, useRef, useState } from "../core/html.js";
import { changed } from "../core/route.js";
import { t } from "../core/words.js";
import { go, may, store, useApp } from "../shell/state.js";
import { letterOf, lettersOn } from "./keys.js";
import { MarkButtons } from "./marks.js";
import { counted, mayWork } from "./model.js";
import { useCase, useMarks } from "./state.js";
import { Toast } from "./toast.js";
import { markHit, typeNote, undo } from "./work.js";

/** @typedef {import("../core/types.js").Hit} Hit */

const GOES_ON = "go-on";

/** @param {{ hit: Hit, hits: readonly Hit[], onMarked: () => void }} props */
export function Decision({ hit, hits, onMarked }) {
  const marks = useMarks();
  const current = useCase((state) => state.current);
  const id = useCase((state) => state.id);
  const typed = useCase((state) => state.notes)[hit.id];
  const rights = useApp((state) => state.me?.rights ?? []);
  const [goesOn, setGoesOn] = useState(sessionStorage.getItem(GOES_ON) === "on");
  const field = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const waiting = useRef("");
  const now = marks.get(hit.id);
  const reads = id !== "" && current !== null && !mayWork(current);
  const mark = (/** @type {import("./model.js").MarkKind} */ kind) => {
    waiting.current = hit.id;
    markHit(hit.id, kind);
  };
  // Whatever became of the press: asked into which case, or marked at once.
  useEffect(() => {
    if (!now || waiting.current !== hit.id) return;
    waiting.current = "";
    onMarked();
    if (!goesOn) return;
    const at = hits.indexOf(hit);
    const next = [...hits.slice(at + 1), ...hits.slice(0, at)].find((each) => !marks.has(each.id));
    if (next) go(changed(store.get().route, { hit: next.id }), { replace: true });
  }, [now]);
  const keys = useRef(/** @type {(event: KeyboardEvent) => void} */ (() => {}));
  keys.current = (event) => {
    const target = event.target instanceof Element ? event.target : document.body;
    const dialog = target.closest("dialog");
    if (target.closest("input:not([type=checkbox]), textarea, select") || (dialog && !dialog.classList.contains("compare")) || !lettersOn() || reads) return;
    const letter = letterOf(event);
    if (!letter) return;
    event.preventDefault();
    if (letter === "undo") void undo();
    else if (letter === "note") field.current?.focus();
    else mark(letter);
  };
  useEffect(() => {
    const listen = (/** @type {KeyboardEvent} */ event) => keys.current(event);
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
  if (!may("cases") || !rights.length) return null;
  const counts = counted(marks);
  if (reads) return html`<div class="decision"><p class="note">${t(current?.state === "closed" ? "case.closed" : "case.reader", { owner: current?.owner ?? "" })}</p>${now && html`<p>${t("marked", { mark: t(`mark.${now.mark}`) })}</p>`}</div>`;
  return html`<div class="decision">
    <${MarkButtons} mark=${now?.mark} onMark=${mark} large=${true} stops=${true} />
    <div class="decision-note">
      <label class="label" for="mark-note">${t("mark.note")} <span class="soft">${t("mark.note.what")}</span></label>
      <textarea id="mark-note" rows="2" maxlength="10000" ref=${field} value=${typed ?? now?.note ?? ""}
        onInput=${(/** @type {Event} */ event) => typeNote(hit.id, /** @type {HTMLTextAreaElement} */ (event.currentTarget).value)}
        onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && (event.preventDefault(), event.stopPropagation(), document.getElementById("compare-title")?.focus())}
        onChange=${() => now && markHit(hit.id, now.mark)}></textarea>
      ${!now && typed && html`<p class="note">${t("mark.note.waits")}</p>`}
    </div>
    <label class="go-on"><input type="checkbox" checked=${goesOn} onChange=${() => (sessionStorage.setItem(GOES_ON, goesOn ? "off" : "on"), setGoesOn(!goesOn))} /> ${t("mark.goon")}</label>
    <p class="note">${t("marks.count", { same: t("marks.same", { n: counts.same }), unsure: t("marks.unsure", { n: counts.unsure }), different: t("marks.different", { n: counts.different }) })} <button type="button" class="link" onClick=${undo}>${t("undo.last")}</button> <span class="kbd" aria-hidden="true">Z</span></p>
    <${Toast} />
  </div>`;
}
