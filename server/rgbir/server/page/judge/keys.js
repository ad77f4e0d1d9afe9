/** S, U and D answer, Z takes back; only where letters aren't switched off. A key that is held down answers once. */

import { letterOf, lettersOn } from "../cases/keys.js";
import { useEffect, useRef } from "../core/html.js";

/** @param {(act: import("../cases/model.js").MarkKind | "undo") => void} onAct */
export function useKeys(onAct) {
  const latest = useRef(onAct);
  latest.current = onAct;
  useEffect(() => {
    const listen = (/** @type {KeyboardEvent} */ event) => {
      const target = event.target instanceof Element ? event.target : document.body;
      if (target.closest("input, textarea, select, dialog")) return;
      if (event.repeat && event.key === "Enter" && target.closest(".judge button")) event.preventDefault();
      const letter = lettersOn() ? letterOf(event) : null;
      if (!letter || letter === "note") return;
      event.preventDefault();
      if (!event.repeat) latest.current(letter);
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}
