/** Hits by camera: a row for each, the one with the best hit first; left-out cameras stay as rows with their reason. */

import { html, useState } from "../core/html.js";
import { plain } from "../core/rich.js";
import { t } from "../core/words.js";
import { useApp } from "../shell/state.js";
import { Tags } from "../search/camera.js";
import { isRefined } from "../cases/model.js";
import { useMarking } from "../cases/marking.js";
import { useMarks } from "../cases/state.js";
import { pressed } from "../cases/work.js";
import { HitCard } from "./card.js";
import { byCamera, leftOut } from "./model.js";

const FIRST = 8;

/** @param {{ answer: import("../core/types.js").Answer, far: ReadonlySet<string>, onOpen: (hit: import("../core/types.js").Hit) => void }} props */
export default function Cameras({ answer, far, onOpen }) {
  const network = useApp((state) => state.network);
  const distances = useApp((state) => state.distances);
  const language = useApp((state) => state.language);
  const size = useApp((state) => state.size);
  const [open, setOpen] = useState(/** @type {string[]} */ ([]));
  const [at, setAt] = useState("");
  const cameras = new Map((network?.cameras ?? []).map((camera) => [camera.id, camera]));
  const rows = byCamera(answer.hits);
  const marks = useMarks();
  const marking = useMarking();
  const first = at || rows[0]?.hits[0]?.id;
  const press = (/** @type {KeyboardEvent} */ event) => {
    const cell = /** @type {HTMLElement} */ (event.target);
    const id = cell.dataset.hit;
    if (!id) {
      if (event.key === "Escape") /** @type {HTMLElement | null} */ (cell.closest("[data-hit]"))?.focus();
      return;
    }
    if (event.key === "F2") return cell.querySelector("button")?.focus();
    if (pressed(event, id)) return;
    if (event.key === "Enter") {
      const hit = answer.hits.find((each) => each.id === id);
      if (hit) onOpen(hit);
      return;
    }
    const all = [.../** @type {HTMLElement} */ (event.currentTarget).querySelectorAll("[role=row]")].map((row) => [.../** @type {NodeListOf<HTMLElement>} */ (row.querySelectorAll("[data-hit]"))]);
    const row = all.findIndex((cells) => cells.includes(cell));
    const column = all[row].indexOf(cell);
    const lead = { ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1], ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], Home: [row, 0], End: [row, all[row].length - 1] }[event.key];
    const target = lead && (all[lead[0]]?.[lead[1]] ?? (lead[0] !== row ? all[lead[0]]?.at(-1) : undefined));
    if (!target) return;
    event.preventDefault();
    setAt(target.dataset.hit ?? "");
    target.focus();
  };
  return html`<div class="by-camera size-${size}" onKeyDown=${press}>
    ${rows.map(({ camera, hits }) => {
      const shown = open.includes(camera) ? hits : hits.slice(0, FIRST);
      const info = cameras.get(camera);
      return html`<section key=${camera}>
        <h3>${t("camera.named", { c: camera })} <span class="soft">${info?.place ?? ""}</span> ${info && html`<${Tags} modalities=${info.modalities} />`} <span class="soft">${t("hits.count", { n: hits.length })}</span></h3>
        <div role="grid" aria-label=${t("camera.named", { c: camera })}><div class="cards" role="row">
          ${shown.map((hit) => html`<${HitCard} key=${hit.id} hit=${hit} at=${hit.rank - 1} camera=${info} focused=${hit.id === first} distances=${distances} ordered=${false} far=${far.has(hit.id)} mark=${marks.get(hit.id)?.mark} marks=${marking} refined=${isRefined(answer)} language=${language} onOpen=${onOpen} />`)}
        </div></div>
        ${shown.length < hits.length && html`<button type="button" onClick=${() => setOpen([...open, camera])}>${t("camera.all", { n: hits.length })}</button>`}
      </section>`;
    })}
    ${leftOut(answer).map((left) => html`<p class="left-row soft">${plain(left.code, left.values)}</p>`)}
  </div>`;
}
