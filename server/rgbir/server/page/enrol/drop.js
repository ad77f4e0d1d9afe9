/** Where files come in: by drop anywhere in the window, by choosing, by pasting. And the archive that was chosen. */

import { useFiles } from "../core/files.js";
import { html, useRef } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { Progress } from "../core/progress.js";
import { bytes, t } from "../core/words.js";
import { dropped } from "./folders.js";
import { Lack } from "./form.js";
import { addFiles, dropArchive, sendArchive, stopArchive, useEnrolment } from "./run.js";

export function DropArea() {
  const over = useFiles((_, transfer) => void dropped(transfer).then((found) => addFiles(found.map(({ file }) => file), new Map(found.map(({ file, path }) => [file, path])))));
  const strangers = useEnrolment((state) => state.strangers);
  const lack = useEnrolment((state) => state.lack);
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  return html`<div>
    <button type="button" id="enrol-files" class="drop ${over ? "over" : ""}" aria-describedby=${lack?.field === "files" ? "enrol-files-problem" : undefined} onClick=${() => input.current?.click()}>
      <${Icon} name="upload" size=${24} /> <span>${t("enrol.drop")}<br /><small>${t("enrol.drop.kinds")}</small></span>
    </button>
    <input ref=${input} type="file" accept="image/*,video/*,.tif,.tiff,.zip,.dav,.mkv,.ts" multiple hidden
      onChange=${(/** @type {Event} */ event) => {
        const field = /** @type {HTMLInputElement} */ (event.currentTarget);
        addFiles(field.files ?? []);
        field.value = "";
      }} />
    <${Lack} field="files" />
    ${strangers.length > 0 && html`<p class="problem" role="alert">${t("enrol.strangers", { n: strangers.length, list: strangers.slice(0, 3).join(", ") })}</p>`}
  </div>`;
}

export function ArchiveCard() {
  const archive = useEnrolment((state) => state.archive);
  const sending = useEnrolment((state) => state.sending);
  if (!archive) return null;
  return html`<section class="box" aria-labelledby="archive-title">
    <h2 id="archive-title">${t("enrol.archive")}</h2>
    <p><strong>${archive.name}</strong>, ${bytes(archive.size)}</p>
    <p class="note">${t("enrol.archive.what")}</p>
    ${sending?.what === "archive"
      ? html`<${Progress} done=${sending.sent} total=${sending.total} label=${t("enrol.archive.sending")} text=${sending.sent >= sending.total ? t("enrol.archive.checked") : t("enrol.archive.sent", { sent: bytes(sending.sent), total: bytes(sending.total) })} />
          <p class="buttons"><button type="button" onClick=${stopArchive}>${t("enrol.archive.stop")}</button></p>`
      : html`<p class="buttons"><button type="button" class="primary" disabled=${sending !== null} onClick=${sendArchive}>${t("enrol.archive.send")}</button><button type="button" onClick=${dropArchive}>${t("enrol.archive.drop")}</button></p>`}
  </section>`;
}
