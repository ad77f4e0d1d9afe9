/** Views of the same hits, their size, and what else can be done with the list. */

import { copied } from "../core/clipboard.js";
import { html, useRef, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { changed } from "../core/route.js";
import { t } from "../core/words.js";
import { go, say, store, useApp } from "../shell/state.js";

const VIEWS = ["grid", "cameras", "timeline", "plan"];
const SIZES = 4;
/** Views whose pictures have a size of their own to choose. */
const SIZED = ["grid", "cameras"];

/** @param {{ answer: import("../core/types.js").Answer, view: string }} props */
export function Tools({ answer, view }) {
  const size = useApp((state) => state.size);
  const show = (/** @type {string} */ name) => go(changed(store.get().route, { view: name === "grid" ? null : name }));
  const press = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = VIEWS[(VIEWS.indexOf(view) + step + VIEWS.length) % VIEWS.length];
    show(next);
    document.getElementById(`view-${next}`)?.focus();
  };
  const total = answer.coverage?.searched;
  return html`<div class="tools">
    <div class="segments" role="radiogroup" aria-label=${t("view.label")} onKeyDown=${press}>
      ${VIEWS.map((name) => html`<button type="button" role="radio" id=${`view-${name}`} aria-checked=${name === view} tabindex=${name === view || (name === "grid" && !VIEWS.includes(view)) ? 0 : -1} onClick=${() => show(name)}>${t(`view.${name}`)}</button>`)}
    </div>
    <span class="soft">${typeof total === "number" ? t("searched.count", { n: answer.hits.length, total }) : t("hits.count", { n: answer.hits.length })}</span>
    <span class="grow"></span>
    <${More} answer=${answer} view=${view} show=${show} />
    ${SIZED.includes(view) &&
    html`<div class="segments" role="group">
      <button type="button" aria-label=${t("size.smaller")} disabled=${size === 0} onClick=${() => store.set({ size: size - 1 })}><${Icon} name="minus" /></button>
      <button type="button" aria-label=${t("size.larger")} disabled=${size === SIZES - 1} onClick=${() => store.set({ size: size + 1 })}><${Icon} name="add" /></button>
    </div>`}
  </div>`;
}

/** @param {{ answer: import("../core/types.js").Answer, view: string, show: (view: string) => void }} props */
function More({ answer, view, show }) {
  const [open, setOpen] = useState(false);
  const [told, setTold] = useState("");
  const distances = useApp((state) => state.distances);
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  const copy = async () => {
    const text = t((await copied(location.href)) ? "tools.copied" : "tools.copied.not");
    setTold(text);
    say(text);
  };
  const jump = (/** @type {Event} */ event) => {
    event.preventDefault();
    const rank = Number(new FormData(/** @type {HTMLFormElement} */ (event.currentTarget)).get("rank"));
    const card = /** @type {HTMLElement | null} */ (document.querySelector(`.card[data-at="${rank - 1}"]`));
    setOpen(false);
    card?.focus();
  };
  return html`<div class="menu" onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && open && (event.stopPropagation(), close())}>
    <button type="button" ref=${button} aria-expanded=${open} onClick=${() => (setTold(""), setOpen(!open))}>${t("tools.more")} <${Icon} name="down" size=${14} /></button>
    ${open &&
    html`<div class="menu-list">
      <button type="button" onClick=${copy}>${t("tools.copy")}</button>
      ${told && html`<p class="note">${told}</p>`}
      <button type="button" onClick=${() => (setOpen(false), print())}>${t("tools.print")}</button>
      <button type="button" onClick=${() => (close(), show(view === "table" ? "grid" : "table"))}>${t(view === "table" ? "view.grid" : "tools.table")}</button>
      <label><input type="checkbox" checked=${distances} onChange=${() => store.set({ distances: !distances })} /> ${t("tools.distances")}</label>
      <form onSubmit=${jump}><label>${t("tools.jump")} <input name="rank" type="number" min="1" max=${answer.hits.length} /></label></form>
    </div>`}
  </div>`;
}
