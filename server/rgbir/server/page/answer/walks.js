/** What can be walked between two places, as the network says. Pure. */

/** @typedef {import("../core/types.js").Network} Network */
/** @typedef {{ soonest: number, latest: number | null }} Walk seconds; `latest` null where nobody says */

/**
 * The walk between two places, either way.
 * @param {Network | null} network
 * @param {string | null | undefined} from
 * @param {string} to
 * @returns {Walk | null} none where nobody says
 */
export function walkOf(network, from, to) {
  const passage = network?.passages?.find((each) => (each.origin === from && each.destination === to) || (each.origin === to && each.destination === from));
  return passage ? { soonest: passage.soonest_s, latest: passage.latest_s ?? null } : null;
}

/** Whether nobody could have walked that in time. @param {Walk | null} walk @param {number | null} at @param {number} moment */
export function unwalkable(walk, at, moment) {
  if (!walk || at === null) return false;
  const seconds = Math.abs(moment - at) / 1000;
  return seconds < walk.soonest || seconds > (walk.latest ?? Infinity);
}
