/** S, U and D mark, Z takes back; in hits, in the timeline and in Compare, and only where letters aren't switched off. */

/** @typedef {import("./model.js").MarkKind} MarkKind */

/** @type {Record<string, MarkKind | "undo" | "note">} */
const LETTERS = { s: "same", u: "unsure", d: "different", z: "undo", n: "note" };

/** @param {{ key: string, shiftKey: boolean, ctrlKey: boolean, metaKey: boolean, altKey: boolean }} event */
export function letterOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return null;
  return LETTERS[event.key.toLowerCase()] ?? null;
}

/** Whether single letters do something in this tab. */
export const lettersOn = () => sessionStorage.getItem("letter-keys") !== "off";
