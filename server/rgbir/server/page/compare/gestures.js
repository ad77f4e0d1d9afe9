/** What fingers, a mouse and a wheel do on a picture: drag, pinch, double tap, swipe. */

import { useEffect, useRef } from "../core/html.js";

const TAP_MS = 300;
const TAP_PX = 24;
const SWIPE_PX = 48;

/**
 * @typedef {object} Handlers points in pixels of the pane
 * @property {(x: number, y: number) => void} onDrag by how much
 * @property {(factor: number, x: number, y: number) => void} onZoom
 * @property {(x: number, y: number) => void} onDouble
 * @property {(direction: 1 | -1) => void} onSwipe only where the whole picture is seen
 * @property {boolean} whole whether it is
 */

/**
 * @param {{ current: HTMLElement | null }} pane
 * @param {Handlers} handlers
 */
export function useGestures(pane, handlers) {
  const latest = useRef(handlers);
  latest.current = handlers;
  useEffect(() => {
    const element = pane.current;
    if (!element) return undefined;
    const on = new AbortController();
    /** @type {Map<number, { x: number, y: number, from: { x: number, y: number } }>} */
    const fingers = new Map();
    let tapped = { at: -Infinity, x: 0, y: 0 };
    let pinched = false;
    const point = (/** @type {MouseEvent} */ event) => {
      const edge = element.getBoundingClientRect();
      return { x: event.clientX - edge.left, y: event.clientY - edge.top };
    };
    const listen = (/** @type {string} */ kind, /** @type {(event: any) => void} */ run) => element.addEventListener(kind, run, { signal: on.signal, passive: false });

    listen("wheel", (/** @type {WheelEvent} */ event) => {
      event.preventDefault();
      const { x, y } = point(event);
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1;
      latest.current.onZoom(Math.exp(-event.deltaY * lines * 0.002), x, y);
    });
    listen("pointerdown", (/** @type {PointerEvent} */ event) => {
      if (event.button !== 0) return;
      const here = point(event);
      fingers.set(event.pointerId, { ...here, from: here });
      if (fingers.size === 1) pinched = false;
      try {
        element.setPointerCapture(event.pointerId);
      } catch {
        // A pointer that is gone already can't be captured.
      }
    });
    listen("pointermove", (/** @type {PointerEvent} */ event) => {
      const finger = fingers.get(event.pointerId);
      if (!finger) return;
      const here = point(event);
      const [x, y] = [here.x - finger.x, here.y - finger.y];
      const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        pinched = true;
        const apart = Math.hypot(finger.x - other.x, finger.y - other.y) || 1;
        latest.current.onZoom(Math.hypot(here.x - other.x, here.y - other.y) / apart, (here.x + other.x) / 2, (here.y + other.y) / 2);
        latest.current.onDrag(x / 2, y / 2);
      } else latest.current.onDrag(x, y);
      fingers.set(event.pointerId, { ...here, from: finger.from });
    });
    const end = (/** @type {PointerEvent} */ event) => {
      const finger = fingers.get(event.pointerId);
      fingers.delete(event.pointerId);
      if (!finger || event.type === "pointercancel" || pinched || fingers.size) return;
      const here = point(event);
      const [x, y] = [here.x - finger.from.x, here.y - finger.from.y];
      if (Math.hypot(x, y) < TAP_PX / 2) {
        const again = event.timeStamp - tapped.at < TAP_MS && Math.hypot(here.x - tapped.x, here.y - tapped.y) < TAP_PX;
        tapped = again ? { at: -Infinity, x: 0, y: 0 } : { at: event.timeStamp, ...here };
        if (again) latest.current.onDouble(here.x, here.y);
      } else if (event.pointerType !== "mouse" && latest.current.whole && Math.abs(x) > SWIPE_PX && Math.abs(x) > 2 * Math.abs(y)) {
        latest.current.onSwipe(x < 0 ? 1 : -1);
      }
    };
    for (const kind of ["pointerup", "pointercancel"]) listen(kind, end);
    return () => on.abort();
  }, []);
}
