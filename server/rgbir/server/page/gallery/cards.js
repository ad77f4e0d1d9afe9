/** Sightings as cards, or as rows where no pictures are kept: one tab stop; click, Shift with click, Space and Shift with arrows select. */

import { useColumns } from "../core/columns.js";
import { html, useLayoutEffect, useRef, useState } from "../core/html.js";
import { Picture } from "../core/picture.js";
import { moment, t } from "../core/words.js";
import { placeOf, stepped } from "../answer/model.js";
import { useApp } from "../shell/state.js";
import { ranged, toggled } from "./select.js";

/** @typedef {import("./data.js").Sighting} Sighting */

/**
 * @param {{ sightings: Sighting[], chosen: import("./select.js").Chosen, onChosen: (chosen: import("./select.js").Chosen) => void, onPick?: (sighting: Sighting) => void }} props
 *   with `onPick` a click or Enter takes that one instead
 */
export function Cards({ sightings, chosen, onChosen, onPick }) {
  const network = useApp((state) => state.network);
  const [at, setAt] = useState(0);
  const rows = sightings.length > 0 && sightings.every((sighting) => !sighting.image);
  const { grid, columns } = useColumns(rows);
  const cameras = new Map((network?.cameras ?? []).map((camera) => [camera.id, camera]));
  const order = sightings.map(({ id }) => id);
  const tab = Math.min(at, sightings.length - 1);

  // A focused sighting that was erased leaves the focus to the one in its place.
  const focused = useRef(/** @type {Element | null} */ (null));
  useLayoutEffect(() => {
    if (!focused.current || focused.current.isConnected || document.activeElement !== document.body) return;
    /** @type {HTMLElement | null | undefined} */ (grid.current?.querySelector('[tabindex="0"]'))?.focus();
  }, [sightings]);

  const click = (/** @type {MouseEvent} */ event, /** @type {number} */ place) => {
    setAt(place);
    if (onPick) onPick(sightings[place]);
    else onChosen(event.shiftKey ? ranged(chosen, order, order[place]) : toggled(chosen, order[place]));
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    const cell = /** @type {HTMLElement} */ (event.target);
    if (cell.dataset.place === undefined) return;
    const place = Number(cell.dataset.place);
    if (event.key === " " || (event.key === "Enter" && onPick)) {
      event.preventDefault();
      if (onPick) onPick(sightings[place]);
      else onChosen(toggled(chosen, order[place]));
      return;
    }
    const target = stepped(event.key, place, sightings.length, columns, event.ctrlKey);
    if (target === null) return;
    event.preventDefault();
    if (event.shiftKey && !onPick) onChosen(ranged(chosen, order, order[target], order[place]));
    setAt(target);
    /** @type {HTMLElement | null | undefined} */ (grid.current?.querySelector(`[data-place="${target}"]`))?.focus();
  };

  const lines = [];
  for (let from = 0; from < sightings.length; from += columns) {
    lines.push(html`<div class="row" role="row" key=${from}>
      ${sightings.slice(from, from + columns).map((sighting, beside) => {
        const place = from + beside;
        const selected = chosen.ids.has(sighting.id);
        return html`<div class="sighting" role="gridcell" key=${sighting.id} data-place=${place} data-sighting=${sighting.id} tabindex=${place === tab ? 0 : -1} aria-selected=${onPick ? undefined : selected}
          onClick=${(/** @type {MouseEvent} */ event) => click(event, place)} onMouseDown=${(/** @type {MouseEvent} */ event) => event.shiftKey && event.preventDefault()}>
          ${!onPick && html`<span class="tick" aria-hidden="true">${selected ? "✓" : ""}</span>`}
          ${!rows && html`<${Picture} path=${sighting.image} />`}
          <div class="sighting-text">
            <div>${sighting.taken_at ? moment(sighting.taken_at, { seconds: true }) : t("hit.notime")}</div>
            <div class="soft">${t("camera.named", { c: sighting.camera })} ${placeOf(cameras.get(sighting.camera), sighting.taken_at)}</div>
            ${sighting.track && html`<div class="soft">${t("gallery.track", { track: sighting.track })}</div>`}
            ${sighting.identity !== null && sighting.identity !== undefined && html`<div class="soft">${t("gallery.identity", { identity: String(sighting.identity) })}</div>`}
            ${rows && sighting.source && html`<div class="soft">${sighting.source}</div>`}
          </div>
        </div>`;
      })}
    </div>`);
  }
  return html`${rows && html`<p class="note">${t("gallery.nocrops")}</p>`}
    <div class="sightings ${rows ? "as-rows" : ""}" role="grid" aria-label=${t("gallery.sightings")} aria-multiselectable=${onPick ? undefined : "true"} ref=${grid} onKeyDown=${press}
      onFocusIn=${(/** @type {FocusEvent} */ event) => (focused.current = /** @type {Element} */ (event.target))} onFocusOut=${(/** @type {FocusEvent} */ event) => event.relatedTarget && (focused.current = null)}>${lines}</div>`;
}
