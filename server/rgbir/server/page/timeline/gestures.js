/** Panning and zooming with pointers and wheel. Each has a button and a key as well. */

import { useEffect, useRef } from "../core/html.js";
import { panned, zoomed } from "./windows.js";

/** @typedef {import("./windows.js").Window} Window */

const STARTS = 6;

/**
 * A drag pans, two fingers and the wheel with Ctrl zoom around where they are.
 * @param {{ current: HTMLElement | null }} area
 * @param {{ current: HTMLElement | null }} track whose width is the window's
 * @param {Window} window
 * @param {(window: Window) => void} onWindow
 */
export function useGestures(area, track, window, onWindow) {
  const latest = useRef({ window, onWindow });
  latest.current = { window, onWindow };
  useEffect(() => {
    const element = area.current;
    if (!element) return undefined;
    const on = new AbortController();
    const { signal } = on;
    /** @type {Map<number, number>} where each pointer was last */
    const pointers = new Map();
    let began = 0;
    let drags = false;
    const box = () => track.current?.getBoundingClientRect() ?? element.getBoundingClientRect();
    const momentAt = (/** @type {number} */ x) => {
      const { left, width } = box();
      const { from, to } = latest.current.window;
      return from + ((x - left) / width) * (to - from);
    };
    const change = (/** @type {Window} */ next) => {
      latest.current.window = next;
      latest.current.onWindow(next);
    };
    element.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey) return;
        event.preventDefault();
        change(zoomed(latest.current.window, Math.exp(Math.min(Math.max(event.deltaY, -50), 50) / 100), momentAt(event.clientX)));
      },
      { signal, passive: false },
    );
    element.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0) return;
        pointers.set(event.pointerId, event.clientX);
        began = event.clientX;
        drags = pointers.size > 1;
      },
      { signal },
    );
    element.addEventListener(
      "pointermove",
      (event) => {
        const last = pointers.get(event.pointerId);
        if (last === undefined) return;
        if (!drags && Math.abs(event.clientX - began) < STARTS) return;
        if (!element.hasPointerCapture(event.pointerId)) element.setPointerCapture(event.pointerId);
        drags = true;
        const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
        if (other === undefined) change(panned(latest.current.window, (last - event.clientX) / box().width));
        else {
          const [before, now] = [Math.abs(last - other), Math.abs(event.clientX - other)];
          if (before > 8 && now > 8) change(zoomed(latest.current.window, before / now, momentAt((event.clientX + other) / 2)));
        }
        pointers.set(event.pointerId, event.clientX);
      },
      { signal },
    );
    const ends = (/** @type {PointerEvent} */ event) => void pointers.delete(event.pointerId);
    for (const kind of /** @type {const} */ (["pointerup", "pointercancel"])) element.addEventListener(kind, ends, { signal });
    document.addEventListener("pointerup", ends, { signal });
    return () => on.abort();
  }, []);
}
