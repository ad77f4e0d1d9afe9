/** A new key: its choices, then its token, which nobody can show again. */

import { ask, form } from "../core/api.js";
import { copied } from "../core/clipboard.js";
import { Dialog } from "../core/dialog.js";
import { html, useEffect, useRef, useState } from "../core/html.js";
import { t } from "../core/words.js";
import { Trouble } from "../shell/load.js";
import { say, useApp } from "../shell/state.js";
import { failed } from "./network.js";
import { ROLES, keyFields, lackOfKey, mostDays } from "./keychoice.js";

const typed = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.currentTarget).value;

/**
 * @param {{ onClose: () => void, onMade: () => void, from?: { name: string, draft: import("./keychoice.js").KeyDraft } | null, onReplace?: () => void }} props
 *   `from`: the key whose place the new one takes; `onReplace`: the new one is handed over, and that one can end
 */
export function NewKeyDialog({ onClose, onMade, from = null, onReplace }) {
  const me = useApp((state) => state.me);
  const network = useApp((state) => state.network);
  const [draft, setDraft] = useState(/** @type {import("./keychoice.js").KeyDraft} */ (from?.draft ?? { name: "", role: "search", cameras: [], days: "90" }));
  const [lack, setLack] = useState(/** @type {{ field: string, code: string } | null} */ (null));
  const [failure, setFailure] = useState(/** @type {any} */ (null));
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [told, setTold] = useState("");
  const shown = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => shown.current?.select(), [token]);
  useEffect(() => {
    if (lack) document.getElementById(`key-${lack.field}`)?.focus();
  }, [lack]);
  const most = mostDays(me ?? {}, new Date());
  const set = (/** @type {Partial<import("./keychoice.js").KeyDraft>} */ change) => {
    setDraft({ ...draft, ...change });
    setLack(null);
  };
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const missing = lackOfKey(draft, me ?? {}, new Date());
    setLack(missing);
    if (missing || busy) return;
    setBusy(true);
    try {
      const made = await makeKey(keyFields(draft));
      setFailure(null);
      setToken(made.token);
      onMade();
    } catch (error) {
      failed(setFailure)(error);
    }
    setBusy(false);
  };
  const copy = async () => {
    const text = t((await copied(token)) ? "keys.copied" : "keys.copied.not");
    setTold(text);
    say(text);
    shown.current?.select();
  };
  const problem = (/** @type {string} */ field) => lack?.field === field && html`<p class="problem" role="alert">${t(lack.code, { n: most })}</p>`;
  if (token) {
    return html`<${Dialog} title=${t("keys.made.of", { name: draft.name })} onClose=${onClose} stays=${true} footer=${from
        ? html`<button type="button" onClick=${onClose}>${t("keys.later")}</button><button type="button" class="primary" onClick=${onReplace}>${t("keys.end.old", { name: from.name })}</button>`
        : html`<button type="button" onClick=${onClose}>${t("keys.kept")}</button>`}>
      ${from && html`<p>${t("keys.rotate.then", { name: from.name })}</p>`}
      <p class="caution">${t("keys.once")}</p>
      <label>${t("keys.token")} <input readonly ref=${shown} value=${token} spellcheck=${false} /></label>
      <p class="buttons"><button type="button" class="primary" onClick=${copy}>${t("keys.copy")}</button> <span class="soft">${told}</span></p>
    <//>`;
  }
  return html`<${Dialog} title=${from ? t("keys.rotate.of", { name: from.name }) : t("keys.new")} onClose=${onClose} stays=${true} footer=${html`<button type="button" onClick=${onClose}>${t("camera.cancel")}</button><button type="submit" form="key-form" class="primary" aria-busy=${busy}>${t("keys.make")}</button>`}>
    ${from && html`<p>${t("keys.rotate.first", { name: from.name })}</p>`}
    <${Trouble} failure=${failure} />
    <form id="key-form" noValidate onSubmit=${submit}>
      <label class="label" for="key-name">${t("keys.name")}</label>
      <input id="key-name" maxlength="200" autocomplete="off" value=${draft.name} aria-describedby="key-name-note" onInput=${(/** @type {Event} */ event) => set({ name: typed(event) })} />
      <p class="note" id="key-name-note">${t("keys.name.note")}</p>${problem("name")}
      <fieldset class="field choices"><legend class="label">${t("keys.role")}</legend>
        ${ROLES.map((role) => html`<label><input type="radio" name="key-role" checked=${draft.role === role} onChange=${() => set({ role })} /> <span>${t(`role.${role}`)} <small class="soft">${t(`keys.may.${role}`)}</small></span></label>`)}
      </fieldset>
      <fieldset class="field choices"><legend class="label">${t("camera.list")} <span class="soft">${t(me?.cameras ? "keys.cameras.some" : "keys.cameras.note")}</span></legend>
        ${(network?.cameras ?? []).map((camera, place) => html`<label><input type="checkbox" id=${place === 0 ? "key-cameras" : undefined} checked=${draft.cameras.includes(camera.id)}
          onChange=${() => set({ cameras: draft.cameras.includes(camera.id) ? draft.cameras.filter((each) => each !== camera.id) : [...draft.cameras, camera.id] })} /> ${camera.id}, ${camera.place}</label>`)}
      </fieldset>${problem("cameras")}
      <div class="field"><label class="label" for="key-days">${t("keys.days")}</label>
        <input id="key-days" inputmode="numeric" autocomplete="off" value=${draft.days} onInput=${(/** @type {Event} */ event) => set({ days: typed(event) })} />${problem("days")}</div>
    </form>
  <//>`;
}

/** @param {ReturnType<typeof keyFields>} fields @returns {Promise<import("../core/types.js").Schemas["NewKey"]>} */
const makeKey = (fields) => ask("keys", { method: "POST", body: form(fields) });
