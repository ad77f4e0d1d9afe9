/** Which of the shown sightings are selected: one by one, or from one to another. Pure. */

/**
 * @typedef {object} Chosen
 * @property {ReadonlySet<string>} ids
 * @property {string | null} anchor from which a range goes
 * @property {ReadonlySet<string>} before what was selected before the range
 */

/** @type {Chosen} */
export const NOTHING = { ids: new Set(), anchor: null, before: new Set() };

/** In or out. @param {Chosen} chosen @param {string} id @returns {Chosen} */
export function toggled(chosen, id) {
  const ids = new Set(chosen.ids);
  if (!ids.delete(id)) ids.add(id);
  return { ids, anchor: id, before: ids };
}

/**
 * All from the anchor to one of them, beside what was selected before. A range that comes back takes out what it leaves.
 * @param {Chosen} chosen
 * @param {readonly string[]} order of all that are shown
 * @param {string} to
 * @param {string} [from] where there is no anchor yet
 * @returns {Chosen}
 */
export function ranged(chosen, order, to, from = to) {
  const anchor = chosen.anchor !== null && order.includes(chosen.anchor) ? chosen.anchor : from;
  const ends = [order.indexOf(anchor), order.indexOf(to)].sort((one, other) => one - other);
  return { ids: new Set([...chosen.before, ...order.slice(Math.max(ends[0], 0), ends[1] + 1)]), anchor, before: chosen.before };
}

/** Those that are still there. @param {Chosen} chosen @param {readonly string[]} order @returns {Chosen} */
export function among(chosen, order) {
  const there = new Set(order);
  const left = [...chosen.ids].filter((id) => there.has(id));
  return left.length === chosen.ids.size ? chosen : { ids: new Set(left), anchor: null, before: new Set(left) };
}
