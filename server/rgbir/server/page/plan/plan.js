/** The plan: places as nodes, walks as lines, its picture under them. One chooses a place; whoever may, moves it. */

import { html, useLayoutEffect, useMemo, useRef, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { NumberField } from "../core/number.js";
import { Picture } from "../core/picture.js";
import { addTexts, language, number, span, t } from "../core/words.js";
import { PLAN } from "../texts/plan.js";
import { style } from "../core/style.js";
import { arrowed, laidOut, linesOf, sidesOf } from "./model.js";

await style("plan");

addTexts(PLAN);

/** @typedef {import("./model.js").Node} Node */
/** @typedef {(place: string, position: [number, number]) => void} Move */

const ZOOMS = [1, 1.5, 2, 3];
const RADIUS = 26;
const NARROW = 520;

/** @param {Node} node */
export const camerasText = ({ cameras }) => (cameras.length === 1 ? t("camera.named", { c: cameras[0] }) : t("plan.cameras", { list: cameras.join(", ") }));

/** A node's second line. @param {Node} node */
function stateText(node) {
  const words = camerasText(node);
  if (node.left) return t("plan.left", { cameras: words });
  return node.state === "out" || node.state === "query" ? t("plan.out", { cameras: words }) : words;
}

/** What a screen reader is told of a node. @param {Node} node */
function nodeName(node) {
  const count = node.state === "searched" ? [t("hits.count", { n: node.hits.length })] : [];
  return [node.place, ...(node.state === "query" ? [t("plan.query")] : []), stateText(node), ...count].join(", ");
}

/**
 * @param {{ network: import("../core/types.js").Network, nodes: Node[], chosen: string, label: string, onChoose: (place: string) => void, onMove?: Move }} props
 *   `nodes`: of `nodesOf`; `onMove`: with it nodes are moved by drag, arrows and two fields, in the plan's units
 */
export function Plan({ network, nodes, chosen, label, onChoose, onMove }) {
  const [zoom, setZoom] = useState(0);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [drag, setDrag] = useState(/** @type {{ place: string, at: [number, number] } | null} */ (null));
  const stage = useRef(/** @type {HTMLDivElement | null} */ (null));
  const layout = useMemo(() => laidOut(nodes, network, Boolean(onMove)), [nodes, network, onMove]);
  const lines = useMemo(() => linesOf(nodes, network), [nodes, network]);
  const { frame } = layout;
  useLayoutEffect(() => {
    const element = stage.current;
    if (!element) return undefined;
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    measure();
    const watcher = new ResizeObserver(measure);
    watcher.observe(element);
    return () => watcher.disconnect();
  }, []);
  const narrow = size.width < NARROW;
  const sides = useMemo(() => {
    const texts = new Map(nodes.map((node) => [node.place, narrow ? [node.place] : [node.place, stateText(node)]]));
    return sidesOf([...texts.keys()], layout.at, lines, size, (place) => sizeOf(texts.get(place) ?? [], narrow ? 100 : 170), RADIUS);
  }, [nodes, layout, lines, size, narrow, language()]);
  const at = (/** @type {string} */ place) => (drag?.place === place ? drag.at : layout.at.get(place)) ?? [50, 50];
  const stop = nodes.some((node) => node.place === chosen) ? chosen : nodes[0]?.place;

  const unitsOf = (/** @type {readonly number[]} */ [x, y]) => /** @type {[number, number]} */ ([tidy(frame.x + (x / 100) * frame.width), tidy(frame.y + (y / 100) * frame.height)]);
  const press = (/** @type {KeyboardEvent} */ event, /** @type {Node} */ node) => {
    if (onMove) {
      const step = arrowed(event.key, event.shiftKey ? 5 : 1);
      if (!step) return;
      event.preventDefault();
      const [x, y] = at(node.place);
      onMove(node.place, unitsOf([kept(x + step[0]), kept(y + step[1])]));
      return;
    }
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const index = nodes.indexOf(node);
    const next = event.key === "Home" ? nodes[0] : event.key === "End" ? nodes[nodes.length - 1] : by ? nodes[(index + by + nodes.length) % nodes.length] : null;
    if (!next) return;
    event.preventDefault();
    onChoose(next.place);
    const buttons = /** @type {HTMLElement[]} */ ([...(stage.current?.querySelectorAll("[data-place]") ?? [])]);
    buttons.find((element) => element.dataset.place === next.place)?.focus();
  };
  const drags = (/** @type {PointerEvent} */ event, /** @type {Node} */ node) => {
    const element = /** @type {HTMLElement} */ (event.currentTarget);
    const box = stage.current?.getBoundingClientRect();
    if (!onMove || !box) return;
    if (event.type === "pointerdown") element.setPointerCapture(event.pointerId);
    else if (event.type === "pointermove" && element.hasPointerCapture(event.pointerId)) {
      setDrag({ place: node.place, at: [kept(((event.clientX - box.left) / box.width) * 100), kept(((event.clientY - box.top) / box.height) * 100)] });
    } else if (event.type === "pointerup" && drag) {
      onMove(node.place, unitsOf(drag.at));
      setDrag(null);
    } else if (event.type === "pointercancel") setDrag(null);
  };
  const share = (/** @type {number} */ value) => `${value}%`;
  const middle = (/** @type {{ from: string, to: string }} */ { from, to }) => ({ left: share((at(from)[0] + at(to)[0]) / 2), top: share((at(from)[1] + at(to)[1]) / 2) });
  const picked = onMove ? nodes.find((node) => node.place === chosen) : undefined;

  return html`<div class="plan ${narrow ? "narrow" : ""}">
    <div class="plan-scroll" role="region" aria-label=${t("plan.sheet")} tabindex=${zoom > 0 ? 0 : undefined}>
      <div class="stage" ref=${stage} role=${onMove ? "group" : "radiogroup"} aria-label=${label} style=${{ width: `calc(${ZOOMS[zoom]} * min(100%, ${frame.width / frame.height} * var(--tall)))`, aspectRatio: `${frame.width} / ${frame.height}` }}>
        ${layout.picture && network.picture && html`<div class="sheet" aria-hidden="true"><${Picture} path=${network.picture.path} eager=${true} /></div>`}
        <svg class="walks" aria-hidden="true" focusable="false">
          ${lines.map(({ from, to, dashed }) => html`<line class=${dashed ? "dashed" : ""} x1=${share(at(from)[0])} y1=${share(at(from)[1])} x2=${share(at(to)[0])} y2=${share(at(to)[1])} />`)}
        </svg>
        ${lines.map((line) => html`<span class="walk-pill" style=${middle(line)}><span class="unseen">${t("plan.walk", { from: line.from, to: line.to })} </span>${span(line.soonest)}</span>`)}
        ${nodes.map((node) => {
          const isChosen = node.place === chosen;
          const roles = onMove ? { "aria-pressed": isChosen } : { role: "radio", "aria-checked": isChosen, tabindex: node.place === stop ? 0 : -1 };
          const [x, y] = at(node.place);
          return html`<button type="button" key=${node.place} data-place=${node.place} class=${`node is-${node.state} ${isChosen ? "chosen" : ""}`} aria-label=${nodeName(node)} ...${roles}
              style=${{ left: share(x), top: share(y) }} onClick=${() => onChoose(node.place)} onKeyDown=${(/** @type {KeyboardEvent} */ event) => press(event, node)}
              onPointerDown=${(/** @type {PointerEvent} */ event) => drags(event, node)} onPointerMove=${(/** @type {PointerEvent} */ event) => drags(event, node)}
              onPointerUp=${(/** @type {PointerEvent} */ event) => drags(event, node)} onPointerCancel=${(/** @type {PointerEvent} */ event) => drags(event, node)}>
              ${node.state === "query" ? t("plan.query") : node.state === "searched" ? number(node.hits.length) : html`<${Icon} name=${node.state === "out" ? "close" : "camera"} size=${22} />`}
            </button>
            <span class=${`node-words ${sides.get(node.place) ?? "right"}`} aria-hidden="true" style=${{ left: share(x), top: share(y) }}><strong>${node.place}</strong><span>${stateText(node)}</span></span>`;
        })}
      </div>
    </div>
    <div class="plan-foot">
      <div class="segments" role="group" aria-label=${t("plan.zoom")}>
        <button type="button" aria-label=${t("plan.smaller")} disabled=${zoom === 0} onClick=${() => setZoom(zoom - 1)}><${Icon} name="minus" /></button>
        <button type="button" aria-label=${t("plan.larger")} disabled=${zoom === ZOOMS.length - 1} onClick=${() => setZoom(zoom + 1)}><${Icon} name="add" /></button>
      </div>
      ${network.plan && !layout.round && html`<span class="soft">${t("plan.name", { name: network.plan })}</span>`}
      ${layout.round && html`<span class="soft">${t("plan.circle")}</span>`}
      ${layout.off && html`<span class="soft">${t("plan.off")}</span>`}
      ${picked && onMove && html`<${Fields} node=${picked} position=${picked.position ?? unitsOf(at(picked.place))} onMove=${onMove} />`}
    </div>
  </div>`;
}

/** @param {{ node: Node, position: [number, number], onMove: Move }} props */
const Fields = ({ node, position, onMove }) =>
  html`<div class="plan-fields" role="group" aria-label=${t("plan.position", { place: node.place })}>
    ${["plan.x", "plan.y"].map(
      (axis, index) => html`<label><span>${t(axis)}</span> <${NumberField} late=${true} step="any" value=${position[index]}
        onText=${(/** @type {string} */ text) => text !== "" && onMove(node.place, index === 0 ? [Number(text), position[1]] : [position[0], Number(text)])} /></label>`,
    )}
  </div>`;

/** About the room that lines of words take. @param {string[]} texts @param {number} most pixels */
function sizeOf(texts, most) {
  const widths = texts.map((text) => [...text].reduce((sum, letter) => sum + (letter > "\u2e80" ? 12.5 : 7.5), 0));
  const rows = widths.reduce((sum, width) => sum + Math.ceil(width / (most - 20)), 0);
  return { width: Math.min(most, Math.max(...widths, 0) + 20), height: rows * 16 + 8 };
}

const kept = (/** @type {number} */ percent) => Math.min(Math.max(percent, 0), 100);
const tidy = (/** @type {number} */ value) => Math.round(value * 100) / 100;
