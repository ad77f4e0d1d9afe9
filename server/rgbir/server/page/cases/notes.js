/** Notes of a case, the last one first; none is ever changed. */

import { ask, form } from "../core/api.js";
import { html, useState } from "../core/html.js";
import { moment, t } from "../core/words.js";
import { mayWork } from "./model.js";
import { casePath, casing } from "./state.js";
import { reason, tell } from "./work.js";

/** @param {{ of: import("../core/types.js").Case, onChanged: () => void }} props */
export function Notes({ of }) {
  const [text, setText] = useState("");
  const [lack, setLack] = useState(false);
  const add = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setLack(!text.trim());
    if (!text.trim()) return document.getElementById("note-text")?.focus();
    try {
      await ask(casePath(of.id, "/notes"), { method: "POST", body: form({ text }) });
      setText("");
      tell(t("note.added"));
      casing.set((state) => ({ changes: state.changes + 1 }));
    } catch (error) {
      tell(reason(error), { bad: true });
    }
    return undefined;
  };
  return html`${mayWork(of) &&
    html`<form class="box" onSubmit=${add} noValidate>
      <label class="label" for="note-text">${t("note.label")}</label>
      <textarea id="note-text" rows="3" maxlength="10000" value=${text} aria-invalid=${lack} aria-describedby=${lack ? "note-problem" : "note-what"} onInput=${(/** @type {Event} */ event) => (setText(/** @type {HTMLTextAreaElement} */ (event.currentTarget).value), setLack(false))}></textarea>
      ${lack && html`<p class="problem" id="note-problem" role="alert">${t("note.need")}</p>`}
      <p class="note" id="note-what">${t("note.what")}</p>
      <p class="buttons"><button type="submit" class="primary">${t("note.add")}</button></p>
    </form>`}
    ${of.notes.length === 0
      ? html`<div class="nothing"><h3>${t("notes.none")}</h3></div>`
      : html`<ul class="case-notes">${[...of.notes].reverse().map((note) => html`<li key=${note.n} class="box"><p class="soft">${note.who}, ${moment(note.at)}</p><p class="lines">${note.text}</p></li>`)}</ul>`}`;
}
