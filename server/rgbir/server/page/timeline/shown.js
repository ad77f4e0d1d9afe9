/** The window that is shown: at once on the screen, and a moment later in the address. */

import { useEffect, useRef, useState } from "../core/html.js";
import { changed } from "../core/route.js";
import { go, store, useApp } from "../shell/state.js";
import { fromText, toText } from "./windows.js";

/** @typedef {import("./windows.js").Window} Window */

const LATER = 200;

/**
 * @param {Window} start where the address has none
 * @returns {[Window, (window: Window) => void]}
 */
export function useWindow(start) {
  const from = useApp((state) => state.route.params.get("from"));
  const to = useApp((state) => state.route.params.get("to"));
  const [draft, setDraft] = useState(/** @type {Window | null} */ (null));
  const written = useRef("");
  const timer = useRef(0);
  useEffect(() => {
    // Whatever else changed the address is right; what this one wrote is already on the screen.
    if (`${from} ${to}` !== written.current) setDraft(null);
  }, [from, to]);
  const write = (/** @type {Window} */ window) => {
    const text = toText(window);
    written.current = `${text.from} ${text.to}`;
    go(changed(store.get().route, text), { replace: true });
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  const set = (/** @type {Window} */ window) => {
    setDraft(window);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => write(window), LATER);
  };
  return [draft ?? fromText(from, to) ?? start, set];
}
