/** When the pictures were taken: a local time with its zone in words; the hour that comes twice asks which. */

import { html, useEffect, useState } from "../core/html.js";
import { moment, t, zone } from "../core/words.js";
import { useApp } from "../shell/state.js";
import { change } from "./actions.js";
import { localOf, momentsOf, pasted, utc } from "./moments.js";
import { fromParams } from "./question.js";

/**
 * A field for a moment.
 * @param {{ id: string, value: string, onChange: (iso: string) => void }} props ISO 8601 in UTC, or ""
 */
export function MomentField({ id, value, onChange }) {
  const [draft, setDraft] = useState(localOf(value, zone()));
  useEffect(() => setDraft(localOf(value, zone())), [value]);
  const choices = momentsOf(draft, zone());
  const type = (/** @type {Event} */ event) => {
    const typed = /** @type {HTMLInputElement} */ (event.currentTarget).value;
    setDraft(typed);
    const [first] = momentsOf(typed, zone());
    if (!typed) onChange("");
    else if (first) onChange(first.toISOString());
  };
  const paste = (/** @type {ClipboardEvent} */ event) => {
    const date = pasted(event.clipboardData?.getData("text") ?? "");
    if (!date) return;
    event.preventDefault();
    onChange(date.toISOString());
  };
  return html`<input type="datetime-local" step="1" id=${id} value=${draft} aria-describedby=${`${id}-words`} onInput=${type} onPaste=${paste} />
    <p class="note" id=${`${id}-words`}>
      ${value && choices.length < 2 ? `${moment(value, { year: true, seconds: true })} (${[...new Set([zone(), utc(new Date(value), zone())])].join(", ")})` : ""}
      ${draft && choices.length === 0 ? t("at.never") : ""}
    </p>
    ${choices.length === 2 &&
    html`<fieldset class="twice">
      <legend>${t("at.twice")}</legend>
      ${choices.map(
        (choice, place) => html`<label><input type="radio" name=${`${id}-twice`} checked=${choice.toISOString() === new Date(value || 0).toISOString()} onChange=${() => onChange(choice.toISOString())} />
          ${t(place ? "at.second" : "at.first", { offset: utc(choice, zone()) })}</label>`,
      )}
    </fieldset>`}`;
}

export function TakenField() {
  const { at, like } = fromParams(useApp((state) => state.route.params));
  if (like) return null;
  return html`<div class="field">
    <label class="label" for="at">${t("at.label")} <span class="soft">${t("at.optional")}</span></label>
    <${MomentField} id="at" value=${at} onChange=${(/** @type {string} */ iso) => change({ at: iso })} />
  </div>`;
}
