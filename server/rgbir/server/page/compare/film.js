/** A strip of small pictures, of which one is shown large. One tab stop: the keys that step through it are Compare's. */

import { html, useLayoutEffect, useRef } from "../core/html.js";
import { Picture } from "../core/picture.js";
import { t } from "../core/words.js";

/** @typedef {{ key: string, name: string, label: string, path?: string | null, url?: string }} Item */

/**
 * @param {{ title: string, items: Item[], current: string, onChoose: (key: string) => void, onMore?: () => void, children?: unknown }} props
 *   `onMore`: one of its ends came into sight
 */
export function Film({ title, items, current, onChoose, onMore, children }) {
  const list = useRef(/** @type {HTMLUListElement | null} */ (null));
  const first = items[0]?.key;
  useLayoutEffect(() => {
    const strip = list.current;
    const item = /** @type {HTMLElement | null} */ (strip?.querySelector("[aria-current]"));
    if (strip && item) strip.scrollLeft = item.offsetLeft - (strip.clientWidth - item.offsetWidth) / 2;
  }, [current, first]);
  const scroll = () => {
    const strip = list.current;
    if (!strip || strip.scrollWidth <= strip.clientWidth) return;
    if (strip.scrollLeft < 40 || strip.scrollLeft + strip.clientWidth > strip.scrollWidth - 40) onMore?.();
  };
  return html`<section class="film" aria-label=${title}>
    <h3>${title}</h3>
    <ul ref=${list} onScroll=${scroll}>
      ${items.map(
        (item) => html`<li key=${item.key}><button type="button" aria-current=${item.key === current ? "true" : undefined} tabindex=${item.key === current ? 0 : -1} onClick=${() => onChoose(item.key)}>
          ${item.url ? html`<div class="picture"><img src=${item.url} alt="" /></div>` : html`<${Picture} path=${item.path} />`}
          <span aria-hidden="true">${item.name}</span><span class="unseen">${item.label}</span></button></li>`,
      )}
      ${children}
    </ul>
    ${items.length === 0 && html`<p class="note">${t("compare.alone")}</p>`}
  </section>`;
}
