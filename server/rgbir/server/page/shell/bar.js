/** The bar on top: parts of the page, language, light or dark, and who is signed in. On a phone the parts are at the bottom. */

import { html, useRef, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { LANGUAGES, LANGUAGE_NAMES, listed, moment, t } from "../core/words.js";
import { chooseLanguage, chooseTheme, signOut, store, useApp } from "./state.js";
import { Late } from "../cases/late.js";
import { useCase } from "../cases/state.js";
import { navigationFor, partOf } from "./views.js";

/** @param {{ path: string }} props */
export function Bar({ path }) {
  const me = useApp((state) => state.me);
  const outside = useApp((state) => state.outside);
  const language = useApp((state) => state.language);
  const theme = useApp((state) => state.theme);
  const parts = navigationFor(me?.rights ?? []);
  const at = partOf(path);
  const here = at?.beneath ?? at?.path;
  const dark = theme === "dark";
  const inUse = useCase((state) => state.id);
  return html`<header class="bar-top">
    <a class="brand" href="#/search"><img src="page/icon.svg" alt="" width="26" height="26" /> <span>rgbir</span></a>
    ${parts.length > 0 &&
    html`<nav aria-label=${t("nav.label")}>
      ${parts.map((part) => html`<a href=${`#${part.path}${part.path === "/search" && inUse ? `?case=${encodeURIComponent(inUse)}` : ""}`} aria-current=${part.path === here ? "page" : undefined}><${Icon} name=${part.icon} /> <span>${t(part.text)}</span></a>`)}
    </nav>`}
    <span class="grow"></span>
    <${Late} name="Menu" />
    <label class="language"><span class="unseen">${t("language")}</span>
      <select value=${language} onChange=${(/** @type {Event} */ event) => chooseLanguage(/** @type {any} */ (/** @type {HTMLSelectElement} */ (event.currentTarget).value))}>
        ${LANGUAGES.map((each) => html`<option value=${each} lang=${each} selected=${each === language}>${LANGUAGE_NAMES[each]}</option>`)}
      </select></label>
    <button type="button" class="plain" aria-label=${t(dark ? "theme.light" : "theme.dark")} title=${t(dark ? "theme.light" : "theme.dark")} onClick=${() => chooseTheme(dark ? "light" : "dark")}><${Icon} name=${dark ? "sun" : "moon"} /></button>
    ${me && html`<${Who} me=${me} />`}
    ${!me && outside && html`<button type="button" class="primary" onClick=${() => store.set({ signIn: true })}>${t("signin.go")}</button>`}
  </header>`;
}

/** @param {{ me: import("../core/types.js").Caller }} props */
function Who({ me }) {
  const [open, setOpen] = useState(false);
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  if (!me.keys) return html`<span class="who soft"><${Icon} name="person" /> <span>${t("who.machine")}</span></span>`;
  const close = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !open) return;
    setOpen(false);
    button.current?.focus();
  };
  return html`<div class="menu who" onKeyDown=${close}>
    <button type="button" class="plain" ref=${button} aria-expanded=${open} title=${t("who")} onClick=${() => setOpen(!open)}><${Icon} name="person" /> <span>${me.name}</span> <small>${t(`role.${me.role}`)}</small> <${Icon} name="down" size=${14} /></button>
    ${open &&
    html`<div class="menu-list">
      <p>${t("who.role", { role: t(`role.${me.role}`) })}</p>
      ${me.cameras && html`<p>${t("who.cameras", { list: listed(me.cameras) })}</p>`}
      ${me.ends_at && html`<p>${t("who.ends", { time: moment(me.ends_at, { year: true }) })}</p>`}
      <button type="button" onClick=${signOut}>${t("who.out")}</button>
    </div>`}
  </div>`;
}
