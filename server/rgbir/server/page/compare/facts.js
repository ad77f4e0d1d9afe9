/** Where and when a hit was, beside the query: how long between, and whether somebody could have walked it. Pure. */

import { walkOf } from "../answer/walks.js";

/** @typedef {import("../core/types.js").Hit} Hit */
/** @typedef {{ origin: string, destination: string, soonest_s: number, latest_s?: number | null }} Passage */

/**
 * Seconds from the query to a sighting; negative where the sighting was before. None where one of them has no time.
 * @param {string | null | undefined} query
 * @param {string | null | undefined} sighting
 */
export function between(query, sighting) {
  if (!query || !sighting) return null;
  const seconds = (Date.parse(sighting) - Date.parse(query)) / 1000;
  return Number.isFinite(seconds) ? seconds : null;
}

/**
 * @typedef {object} Walk
 * @property {string} from the place that comes first
 * @property {string} to
 * @property {"possible" | "soon" | "long" | "untimed" | "unknown"} state
 * @property {number} soonest seconds
 * @property {number | null} latest
 */

/**
 * The walk between the query's place and a hit's; none where they are the same place, or one isn't known.
 * @param {readonly Passage[]} passages
 * @param {string | null | undefined} query its place
 * @param {string} place of the hit
 * @param {number | null} seconds from the query to the hit
 * @returns {Walk | null}
 */
export function walk(passages, query, place, seconds) {
  if (!query || !place || query === place) return null;
  const [from, to] = (seconds ?? 0) < 0 ? [place, query] : [query, place];
  const known = walkOf({ passages: [...passages] }, from, to);
  if (!known) return { from, to, state: "unknown", soonest: 0, latest: null };
  const { soonest, latest } = known;
  const took = seconds === null ? null : Math.abs(seconds);
  /** @type {Walk["state"]} */
  let state = "possible";
  if (took === null) state = "untimed";
  else if (took < soonest) state = "soon";
  else if (latest !== null && took > latest) state = "long";
  return { from, to, state, soonest, latest };
}

/**
 * The hit so many places on, if there is one.
 * @param {readonly Hit[]} hits
 * @param {string} id
 * @param {number} step
 * @returns {Hit | undefined}
 */
export function along(hits, id, step) {
  const place = hits.findIndex((hit) => hit.id === id);
  return place < 0 ? undefined : hits[place + step];
}

/**
 * Which of a strip comes next to one; the same one at its ends.
 * @template Item
 * @param {readonly Item[]} items
 * @param {number} at
 * @param {number} step
 */
export const beside = (items, at, step) => Math.min(Math.max(at + step, 0), items.length - 1);

/**
 * How many sightings a track has, where both ends of it were told.
 * @param {{ before: readonly unknown[], after: readonly unknown[] } | null} neighbours
 * @param {number} limit that was asked for on each side
 */
export const wholeTrack = (neighbours, limit) =>
  neighbours && neighbours.before.length < limit && neighbours.after.length < limit ? neighbours.before.length + 1 + neighbours.after.length : null;
