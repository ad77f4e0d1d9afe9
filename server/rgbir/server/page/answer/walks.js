/** What can be walked between two places, as the network says, and which hits nobody could have walked to in time. Pure. */

import { placeOf } from "./model.js";

/** @typedef {import("../core/types.js").Hit} Hit */
/** @typedef {import("../core/types.js").Network} Network */
/** @typedef {{ soonest: number, latest: number | null }} Walk seconds; `latest` null where nobody says */

/** Whether a passage joins two places, either way. @param {{ origin: string, destination: string }} passage @param {string | null | undefined} one @param {string | null | undefined} other */
export const joins = ({ origin, destination }, one, other) => (origin === one && destination === other) || (origin === other && destination === one);

/**
 * The walk between two places, either way.
 * @param {{ passages?: Network["passages"] } | null} network
 * @param {string | null | undefined} from
 * @param {string} to
 * @returns {Walk | null} none where nobody says
 */
export function walkOf(network, from, to) {
  const passage = network?.passages?.find((each) => joins(each, from, to));
  return passage ? { soonest: passage.soonest_s, latest: passage.latest_s ?? null } : null;
}

/** Whether nobody could have walked that in time. @param {Walk | null} walk @param {number | null} at @param {number} moment */
export function unwalkable(walk, at, moment) {
  if (!walk || at === null) return false;
  const seconds = Math.abs(moment - at) / 1000;
  return seconds < walk.soonest || seconds > (walk.latest ?? Infinity);
}

/**
 * The hits that nobody could have walked to in time, each by its own place and moment, as the server judges them.
 * @param {readonly Hit[]} hits
 * @param {Network | null} network
 * @param {string | null | undefined} place of the query
 * @param {string} taken when the query was; "" where nobody said
 * @returns {Set<string>} their ids
 */
export function unwalked(hits, network, place, taken) {
  const at = taken ? Date.parse(taken) : null;
  const cameras = new Map((network?.cameras ?? []).map((camera) => [camera.id, camera]));
  const far = hits.filter((hit) => hit.taken_at && unwalkable(walkOf(network, place, placeOf(cameras.get(hit.camera), hit.taken_at)), at, Date.parse(hit.taken_at)));
  return new Set(far.map((hit) => hit.id));
}
