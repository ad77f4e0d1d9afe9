/** A box on a full frame: drawn by mouse or touch, moved by keyboard, or typed. */

import { Dialog } from "../core/dialog.js";
import { html, useRef, useState } from "../core/html.js";
import { NumberField } from "../core/number.js";
import { t } from "../core/words.js";
import { setBox } from "./actions.js";
import { drawn, moved, sized, within } from "./rectangle.js";

/** A pointer that goes no farther than that, in pixels of the screen, taps. */
const TAP = 6;

/** Lays an element over a box of the picture. @param {HTMLElement | null} element @param {number[] | null} box @param {import("./rectangle.js").Size} size */
function lay(element, box, size) {
  if (!element || !box) return;
  element.style.left = `${(box[0] / size.width) * 100}%`;
  element.style.top = `${(box[1] / size.height) * 100}%`;
  element.style.width = `${((box[2] - box[0]) / size.width) * 100}%`;
  element.style.height = `${((box[3] - box[1]) / size.height) * 100}%`;
}

/** Somebody whom the server found. @param {{ person: number[], size: import("./rectangle.js").Size, name: string }} props */
function Found({ person, size, name }) {
  if (!size.width) return null;
  return html`<div class="somebody" ref=${(/** @type {HTMLElement | null} */ element) => lay(element, person, size)}><span>${name}</span></div>`;
}

/** @param {{ shot: import("../core/types.js").Shot, onClose: () => void }} props */
export default function BoxDialog({ shot, onClose }) {
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [box, setDraft] = useState(/** @type {number[] | null} */ (shot.box));
  const [corner, setCorner] = useState(/** @type {number[] | null} */ (null));
  const began = useRef(/** @type {{ at: number[], x: number, y: number, drags: boolean } | null} */ (null));
  const frame = useRef(/** @type {HTMLDivElement | null} */ (null));

  const point = (/** @type {PointerEvent} */ event) => {
    const edge = /** @type {HTMLDivElement} */ (frame.current).getBoundingClientRect();
    return [((event.clientX - edge.left) / edge.width) * size.width, ((event.clientY - edge.top) / edge.height) * size.height];
  };
  // A drag draws from where it began; a tap sets a corner, and a second one the other.
  const begin = (/** @type {PointerEvent} */ event) => {
    frame.current?.setPointerCapture(event.pointerId);
    began.current = { at: point(event), x: event.clientX, y: event.clientY, drags: false };
  };
  const move = (/** @type {PointerEvent} */ event) => {
    const start = began.current;
    if (!start) return;
    start.drags ||= Math.hypot(event.clientX - start.x, event.clientY - start.y) > TAP;
    if (!start.drags) return;
    setCorner(null);
    setDraft(drawn(start.at, point(event), size));
  };
  const end = (/** @type {PointerEvent} */ event) => {
    const start = began.current;
    began.current = null;
    if (!start || start.drags || event.type === "pointercancel") return;
    if (corner) setDraft(drawn(corner, start.at, size));
    setCorner(corner ? null : start.at);
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    const steps = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] });
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const share = event.shiftKey ? 0.05 : 0.01;
    const [x, y] = [step[0] * share * size.width, step[1] * share * size.height];
    const start = box ?? within([size.width * 0.25, size.height * 0.1, size.width * 0.75, size.height * 0.9], size);
    setDraft(event.altKey ? sized(start, x, y, size) : moved(start, x, y, size));
  };
  const people = shot.people ?? [];
  const shown = !size.width ? null : corner ? [...corner, ...corner] : box;
  const place = (/** @type {HTMLElement | null} */ element) => lay(element, shown, size);
  const use = (/** @type {number[] | null} */ chosen) => {
    setBox(shot.id, chosen);
    onClose();
  };
  const footer = html`<button type="button" onClick=${() => use(null)}>${t("box.whole")}</button>
    <button type="button" class="primary" disabled=${!box} onClick=${() => use(box)}>${t("box.use")}</button>`;
  return html`<${Dialog} title=${t("box.title")} className="wide" onClose=${onClose} footer=${footer} stays=${true}>
    <p>${t("box.help")}</p>
    <div class="frame" ref=${frame} tabindex="0" role="application" aria-label=${t("box.frame")} onPointerDown=${begin} onPointerMove=${move} onPointerUp=${end} onPointerCancel=${end} onKeyDown=${press}>
      <img src=${shot.url} alt="" draggable=${false}
        onLoad=${(/** @type {Event} */ event) => {
          const image = /** @type {HTMLImageElement} */ (event.currentTarget);
          setSize({ width: image.naturalWidth, height: image.naturalHeight });
        }} />
      ${people.map((person, place) => html`<${Found} key=${place} person=${person} size=${size} name=${String(place + 1)} />`)}
      ${shown && html`<div class=${corner ? "box corner" : "box"} ref=${place}></div>`}
    </div>
    ${people.length > 0 &&
    html`<div class="buttons" role="group" aria-label=${t("find.people")}>
      ${people.map((person, place) => html`<button type="button" aria-pressed=${String(person) === String(box)} onClick=${() => setDraft(person)}>${t("find.one", { i: place + 1 })}</button>`)}
    </div>`}
    <p class="note" role="status">${corner ? t("box.corner") : ""}</p>
    <div class="fields">
      ${["left", "top", "right", "bottom"].map(
        (edge, index) => html`<label>${t(`box.${edge}`)}
          <${NumberField} late=${true} min="0" max=${index % 2 ? size.height : size.width} value=${box ? box[index] : ""}
            onText=${(/** @type {string} */ text) => {
              const typed = [...(box ?? [0, 0, size.width, size.height])];
              typed[index] = Number(text);
              if (text !== "") setDraft(within(typed, size));
            }} /></label>`,
      )}
    </div>
  <//>`;
}
