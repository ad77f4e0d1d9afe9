/** The rows: one an image, with its thumbnail and what became of it; the sum above them. */

import { html, useEffect, useRef, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { Progress } from "../core/progress.js";
import { changed } from "../core/route.js";
import { moment, number, t } from "../core/words.js";
import { Trouble } from "../shell/load.js";
import { go, store, useApp } from "../shell/state.js";
import { cameraOfFolder } from "./folders.js";
import { sums, takenAt } from "./rows.js";
import { clear, enrol, removeRow, stop, unseen, useEnrolment } from "./run.js";

const BLOCK = 100;
/** @type {import("../core/types.js").CameraInfo[]} */
const NONE = [];
const MARKS = { waiting: "", sending: "…", added: "+", present: "=", relabelled: "≈", skipped: "✕" };

export function Rows() {
  const rows = useEnrolment((state) => state.rows);
  const labels = useEnrolment((state) => state.labels);
  const phase = useEnrolment((state) => state.phase);
  const waits = useEnrolment((state) => state.waits);
  const cameras = useApp((state) => state.network?.cameras ?? NONE);
  const failure = useEnrolment((state) => state.failure);
  const only = useApp((state) => state.route.params.get("only") === "skipped");
  const [shown, setShown] = useState(BLOCK);
  const title = useRef(/** @type {HTMLElement | null} */ (null));
  const sum = sums(rows);
  const before = useRef(phase);
  useEffect(() => {
    const ended = before.current !== "idle" && phase === "idle";
    before.current = phase;
    // The button that was pressed has gone: the sum tells what came of it.
    const here = document.activeElement;
    if (ended && (here === document.body || title.current?.parentElement?.contains(here))) title.current?.focus();
  }, [phase]);
  if (rows.length === 0) return failure ? html`<${Trouble} failure=${failure} />` : null;
  const listed = only ? rows.filter((row) => row.state === "skipped") : rows;
  const busy = phase !== "idle";
  const folder = (/** @type {import("./rows.js").Row} */ row) => cameraOfFolder(row.name, cameras);
  const elsewhere = rows.filter((row) => row.state === "waiting" && labels.camera && ![null, labels.camera].includes(folder(row))).length;
  const toggle = (/** @type {Event} */ event) => go(changed(store.get().route, { only: /** @type {HTMLInputElement} */ (event.currentTarget).checked ? "skipped" : null }), { replace: true });
  return html`<section class="box rows" aria-labelledby="rows-title">
    <h2 id="rows-title" ref=${title} tabindex="-1">${sum.done ? t("progress.of", { done: sum.done, n: sum.total }) : t("enrol.count", { n: sum.total })}</h2>
    ${(busy || sum.done > 0) && html`<${Progress} done=${sum.done} total=${sum.total} label=${t("enrol.progress")} text=${["added", "present", "relabelled", "skipped"].filter((name) => name !== "relabelled" || sum.relabelled > 0).map((name) => t(`enrol.sum.${name}`, { n: sum[/** @type {"added"} */ (name)] })).join(" · ")} />`}
    <${Trouble} failure=${failure} />
    ${elsewhere > 0 && html`<p class="caution" role="alert">${t("enrol.folder.other", { n: elsewhere, c: labels.camera })}</p>`}
    ${waits > 0 && html`<p class="note" role="status">${t("server.busy", { n: waits })}</p>`}
    <div class="buttons">
      ${busy
        ? html`<button type="button" class="primary" onClick=${stop} aria-disabled=${phase === "stopping"}>${t(phase === "stopping" ? "enrol.stopping" : "enrol.stop")}</button>`
        : html`${sum.waiting > 0 && html`<button type="button" class="primary" onClick=${enrol}>${t(sum.done ? "enrol.go.on" : "enrol.go", { n: sum.waiting })}</button>`}
            <button type="button" onClick=${clear}>${t("enrol.clear")}</button>`}
      ${sum.skipped > 0 && html`<label class="check"><input type="checkbox" checked=${only} onChange=${toggle} /> ${t("enrol.only")}</label>`}
    </div>
    <ul class="enrol-rows">
      ${listed.slice(0, shown).map(
        (row) => html`<li key=${row.id} class=${row.state}>
          ${row.shows ? html`<img src=${row.url} alt="" loading="lazy" decoding="async" width="36" height="72" onError=${() => unseen(row.id)} />` : html`<span class="noimage" aria-hidden="true"></span>`}
          <div><span class="file">${row.name}</span>
            ${folder(row) && html`<span class=${folder(row) === labels.camera ? "soft" : "reason"}>${t("enrol.folder", { c: folder(row) })}</span>`}
            <span class="soft">${takenAt(row, labels) ? moment(takenAt(row, labels), { year: true, seconds: true }) : t("enrol.notime")}</span>
            ${row.reason && html`<span class="reason">${row.reason}</span>`}</div>
          <span class="outcome"><span aria-hidden="true">${MARKS[row.state]}</span> ${t(`enrol.state.${row.state}`)}</span>
          ${!busy && row.state === "waiting" && html`<button type="button" class="plain" aria-label=${t("enrol.remove", { name: row.name })} onClick=${() => removeRow(row.id)}><${Icon} name="close" size=${14} /></button>`}
        </li>`,
      )}
    </ul>
    ${listed.length > shown && html`<p class="buttons"><button type="button" onClick=${() => setShown(shown + BLOCK)}>${t("enrol.more", { n: Math.min(BLOCK, listed.length - shown) })}</button> <span class="soft">${number(shown)} / ${number(listed.length)}</span></p>`}
  </section>`;
}
