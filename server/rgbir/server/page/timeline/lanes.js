/** Lanes: places in walking order from the query's, what can be walked around its moment, and where a key leads. Pure. */

import { placeOf } from "../answer/model.js";
import { walkOf } from "../answer/walks.js";

/** @typedef {import("../core/types.js").Answer} Answer */
/** @typedef {import("../core/types.js").Hit} Hit */
/** @typedef {import("../core/types.js").Network} Network */
/** @typedef {import("./windows.js").Window} Window */
/** @typedef {{ rank: number, at: number, hit: Hit }} Timed */
/** @typedef {import("../answer/walks.js").Walk} Walk */
/** @typedef {{ place: string, own: boolean, cameras: string[], hits: Timed[], count: number, walk: Walk | null }} Lane `count`: hits without time too */

/**
 * Hits that have a time, in order of it.
 * @param {readonly Hit[]} hits
 * @returns {Timed[]}
 */
export const timed = (hits) =>
  hits
    .filter((hit) => hit.taken_at)
    .map((hit) => ({ rank: hit.rank, at: Date.parse(hit.taken_at ?? ""), hit }))
    .sort((one, other) => one.at - other.at || one.rank - other.rank);

/**
 * The query's own place, then those that are soonest walked to, then those whose walk nobody knows, the best hit first.
 * @param {Answer} answer
 * @param {Network | null} network
 * @param {string | null} moment when the query was taken; a camera that moved is where it was then
 * @returns {Lane[]}
 */
export function lanesOf(answer, network, moment) {
  const cameras = new Map((network?.cameras ?? []).map((camera) => [camera.id, camera]));
  const own = answer.query.place ?? null;
  /** @type {Map<string, { cameras: Set<string>, hits: Hit[] }>} */
  const places = new Map();
  const at = (/** @type {string} */ place) => {
    const known = places.get(place) ?? { cameras: new Set(), hits: [] };
    places.set(place, known);
    return known;
  };
  if (own !== null) for (const camera of cameras.values()) if (placeOf(camera, moment) === own) at(own).cameras.add(camera.id);
  for (const id of answer.searched_cameras) at(placeOf(cameras.get(id), moment)).cameras.add(id);
  for (const hit of answer.hits) {
    const lane = at(placeOf(cameras.get(hit.camera), hit.taken_at));
    lane.cameras.add(hit.camera);
    lane.hits.push(hit);
  }
  const best = (/** @type {Lane} */ { place }) => Math.min(Infinity, ...at(place).hits.map((hit) => hit.rank));
  const lanes = [...places].map(([place, lane]) => ({
    place,
    own: place === own,
    cameras: [...lane.cameras],
    hits: timed(lane.hits),
    count: lane.hits.length,
    walk: place === own ? null : walkOf(network, own, place),
  }));
  // Infinity less Infinity is no number, and so leaves it to what comes next.
  return lanes.sort(
    (one, other) =>
      Number(other.own) - Number(one.own) ||
      (one.walk?.soonest ?? Infinity) - (other.walk?.soonest ?? Infinity) ||
      best(one) - best(other) ||
      one.place.localeCompare(other.place),
  );
}

/** @typedef {{ kind: "never" | "walk" | "beyond", from: number, to: number }} Shade */

/**
 * What can be walked around the query's moment, before it and after it, as parts of a window in order.
 * @param {Walk | null} walk
 * @param {number | null} at
 * @param {Window} window
 * @returns {Shade[]} none where nobody knows
 */
export function shades(walk, at, window) {
  if (!walk || at === null) return [];
  const [soonest, latest] = [walk.soonest * 1000, walk.latest === null ? Infinity : walk.latest * 1000];
  const all = /** @type {Shade[]} */ ([
    { kind: "beyond", from: -Infinity, to: at - latest },
    { kind: "walk", from: at - latest, to: at - soonest },
    { kind: "never", from: at - soonest, to: at + soonest },
    { kind: "walk", from: at + soonest, to: at + latest },
    { kind: "beyond", from: at + latest, to: Infinity },
  ]);
  return all
    .map((shade) => ({ ...shade, from: Math.max(shade.from, window.from), to: Math.min(shade.to, window.to) }))
    .filter((shade) => shade.to > shade.from);
}

/**
 * Where a key leads: the previous or next in its lane, the nearest in time of the next lane that has any.
 * @param {string} pressed
 * @param {{ key: string, at: number }[][]} lanes what is drawn in each, in order of time
 * @param {string} key of where one is
 * @returns {{ lane: number, key: string, at: number } | null}
 */
export function led(pressed, lanes, key) {
  const lane = lanes.findIndex((items) => items.some((item) => item.key === key));
  if (lane < 0) return null;
  const place = lanes[lane].findIndex((item) => item.key === key);
  const along = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: lanes[lane].length - 1 }[pressed];
  if (along !== undefined) {
    const item = lanes[lane][along];
    return item ? { lane, key: item.key, at: item.at } : null;
  }
  const way = { ArrowUp: -1, ArrowDown: 1 }[pressed];
  if (!way) return null;
  let next = lane + way;
  while (lanes[next]?.length === 0) next += way;
  if (!lanes[next]) return null;
  const here = lanes[lane][place].at;
  const nearest = lanes[next].reduce((best, item) => (Math.abs(item.at - here) < Math.abs(best.at - here) ? item : best));
  return { lane: next, key: nearest.key, at: nearest.at };
}
