/** Hits as a grid: one tab stop, arrows move by position. The first 60 at once, the others in blocks when there is time. */

import { useColumns } from "../core/columns.js";
import { html, useEffect, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { useMarks } from "../cases/state.js";
import { useMarking } from "../cases/marking.js";
import { pressed } from "../cases/work.js";
import { t } from "../core/words.js";
import { useApp } from "../shell/state.js";
import { HitCard } from "./card.js";
import { lines, stepped } from "./model.js";

/** @typedef {import("../core/types.js").Hit} Hit */

const BLOCK = 60;
const later = globalThis.requestIdleCallback ?? ((/** @type {() => void} */ run) => setTimeout(run, 30));

/** @param {{ answer: import("../core/types.js").Answer, question: import("../search/question.js").Question, far: ReadonlySet<string>, onOpen: (hit: Hit) => void }} props */
export function Grid({ answer, question, far, onOpen }) {
  const { hits } = answer;
  const network = useApp((state) => state.network);
  const size = useApp((state) => state.size);
  const distances = useApp((state) => state.distances);
  const language = useApp((state) => state.language);
  const [built, setBuilt] = useState(BLOCK);
  const [at, setAt] = useState(0);
  const { grid, columns } = useColumns(size);
  const { strangers, walk, ordered } = lines(hits, question, far);
  const marks = useMarks();
  const marking = useMarking();
  const cameras = new Map((network?.cameras ?? []).map((camera) => [camera.id, camera]));

  useEffect(() => setBuilt(BLOCK), [answer]);
  useEffect(() => {
    if (built < hits.length) later(() => setBuilt((count) => count + BLOCK));
  }, [built, hits]);

  const press = (/** @type {KeyboardEvent} */ event) => {
    const cell = /** @type {HTMLElement} */ (event.target).closest("[data-at]");
    if (!(cell instanceof HTMLElement)) return;
    const place = Number(cell.dataset.at);
    if (event.key === "Enter" && event.target === cell) return onOpen(hits[place]);
    if (event.target !== cell) {
      if (event.key === "Escape") cell.focus();
      return undefined;
    }
    if (event.key === "F2") return cell.querySelector("button")?.focus();
    if (pressed(event, hits[place]?.id)) return undefined;
    const target = stepped(event.key, place, hits.length, columns, event.ctrlKey);
    if (target === null) return undefined;
    event.preventDefault();
    if (target >= built) setBuilt(target + BLOCK);
    setAt(target);
    requestAnimationFrame(() => /** @type {HTMLElement | null} */ (grid.current?.querySelector(`[data-at="${target}"]`))?.focus());
    return undefined;
  };

  // A card that gets the focus in another way, such as when Compare closes, is the tab stop from then on.
  const follow = (/** @type {FocusEvent} */ event) => {
    const cell = /** @type {HTMLElement} */ (event.target).closest("[data-at]");
    if (cell instanceof HTMLElement) setAt(Number(cell.dataset.at));
  };

  const rows = [];
  const shown = hits.slice(0, built);
  // Rows follow the columns on the screen; a line is a row of its own and starts a new one.
  const starts = [strangers, walk].filter((start) => start !== null);
  const line = (/** @type {string} */ key, /** @type {string} */ text) =>
    html`<div class="line ${key}" role="row" key=${key}><div role="gridcell" tabindex="-1"><${Icon} name="triangle" size=${18} /> ${text}</div></div>`;
  for (let from = 0; from < shown.length; ) {
    const until = Math.min(from + columns, shown.length, ...starts.filter((start) => start > from));
    if (from === strangers) rows.push(line("strangers", t(from === 0 ? "line.all" : "line.here")));
    if (from === walk) rows.push(line("walk", t("line.walk", { n: hits.length - walk })));
    rows.push(html`<div class="row" role="row" key=${from}>
      ${shown.slice(from, until).map(
        (hit, place) => html`<${HitCard} key=${hit.id} hit=${hit} at=${from + place} camera=${cameras.get(hit.camera)} focused=${from + place === Math.min(at, hits.length - 1)} distances=${distances} ordered=${ordered && !far.has(hit.id)} far=${far.has(hit.id)} mark=${marks.get(hit.id)?.mark} marks=${marking} refined=${question.refined ?? false} language=${language} onOpen=${onOpen} />`,
      )}
    </div>`);
    from = until;
  }
  return html`<div class="grid size-${size}" role="grid" aria-label=${t("hits.label")} aria-rowcount=${-1} ref=${grid} onKeyDown=${press} onFocusIn=${follow}>${rows}</div>`;
}
