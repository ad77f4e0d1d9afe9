/** Sign in: one field for the key. What was typed and dropped before stays; a search that waited goes on. */

import { Dialog } from "../core/dialog.js";
import { html, useState } from "../core/html.js";
import { t } from "../core/words.js";
import { search } from "../search/actions.js";
import { whyNot } from "./failure.js";
import { signIn, store } from "./state.js";

export function SignIn() {
  const [wrong, setWrong] = useState(/** @type {unknown} */ (null));
  const [token, setToken] = useState("");
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!token.trim()) return;
    const waited = store.get().failure?.status === 401;
    const failure = await signIn(token);
    setWrong(failure);
    if (failure === null && waited) void search();
  };
  const footer = html`<button type="submit" form="signin" class="primary">${t("signin.go")}</button>`;
  return html`<${Dialog} title=${t("signin.title")} onClose=${() => store.set({ signIn: false })} footer=${footer} stays=${true}>
    <form id="signin" onSubmit=${submit}>
      <p id="signin-what">${t("signin.what")}</p>
      <label>${t("signin.key")}
        <input type="password" autocomplete="off" value=${token} aria-describedby="signin-what" aria-invalid=${wrong !== null} onInput=${(/** @type {Event} */ event) => setToken(/** @type {HTMLInputElement} */ (event.currentTarget).value)} />
      </label>
      ${wrong !== null && html`<p class="problem" role="alert">${whyNot(wrong)}</p>`}
    </form>
  <//>`;
}
