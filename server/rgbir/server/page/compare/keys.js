/** What keys do in Compare; letters only where they aren't switched off. Pure but for that switch. */

/** @typedef {"next" | "previous" | "panLeft" | "panRight" | "panUp" | "panDown" | "nearer" | "farther" | "whole" | "shotBefore" | "shotAfter" | "earlier" | "later" | "grey" | "numbers" | "similar" | "keys"} Act */

/** @type {Record<string, Act>} */
const PLAIN = { ArrowRight: "next", ArrowLeft: "previous", "+": "nearer", "=": "nearer", "-": "farther", 0: "whole", "[": "shotBefore", "]": "shotAfter", ",": "earlier", ".": "later", "?": "keys" };
/** @type {Record<string, Act>} */
const SHIFTED = { ArrowRight: "panRight", ArrowLeft: "panLeft", ArrowUp: "panUp", ArrowDown: "panDown" };
/** @type {Record<string, Act>} */
const LETTERS = { j: "next", k: "previous", g: "grey", i: "numbers", f: "similar" };

/** What the list of keys tells, in its order. */
export const LISTED = [
  ["← →  J K", "keys.step"], ["⇧ ← → ↑ ↓", "keys.pan"], ["+ − 0", "keys.zoom"], ["[ ]", "keys.shots"], [", .", "keys.neighbours"],
  ["G", "keys.grey"], ["I", "keys.numbers"], ["F", "keys.similar"], ["S U D", "keys.mark"], ["N", "keys.note"], ["Z", "keys.undo"], ["Esc", "keys.back"], ["?", "keys.list"],
];

/**
 * @param {{ key: string, shiftKey: boolean, ctrlKey: boolean, metaKey: boolean, altKey: boolean }} event
 * @param {boolean} letters whether single letters do something
 * @returns {Act | null}
 */
export function actOf(event, letters) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  if (event.shiftKey && event.key in SHIFTED) return SHIFTED[event.key];
  if (event.key in PLAIN && !(event.shiftKey && event.key.startsWith("Arrow"))) return PLAIN[event.key];
  return letters ? LETTERS[event.key.toLowerCase()] ?? null : null;
}
