/** Hits too close together become one; from a week on there are bars and the best hit of each day. Pure. */

import { DAY, HOUR, dayStart, weekStart } from "./days.js";

/** @typedef {import("./lanes.js").Timed} Timed */
/** @typedef {{ key: string, at: number, hits: Timed[], best: Timed, from: number, to: number }} Item one hit, or several; `key` is its best one's id */

/** How much of a picture must be free. */
export const FREE = 0.6;
const BAR = 8;

/** @param {Timed[]} hits in order of time @param {number} [at] where it is drawn @returns {Item} */
function itemOf(hits, at = hits[0].at) {
  const best = hits.reduce((better, hit) => (hit.rank < better.rank ? hit : better));
  return { key: best.hit.id, at, hits, best, from: hits[0].at, to: hits[hits.length - 1].at };
}

/**
 * What is drawn of a lane: whatever is nearer than `reach` to the first of a cluster joins it.
 * @param {Timed[]} hits in order of time
 * @param {number} reach milliseconds that are the width of a picture's free part
 * @param {(hit: Timed) => boolean} [alone] hits that are in no cluster
 * @returns {Item[]} in order of time
 */
export function clustered(hits, reach, alone = () => false) {
  const items = hits.filter(alone).map((hit) => itemOf([hit]));
  return [...joined(hits.filter((hit) => !alone(hit)).map((hit) => itemOf([hit])), reach), ...items].sort((left, right) => left.at - right.at || left.best.rank - right.best.rank);
}

/**
 * The best hit of each day stands for the day, where it was taken; days too close together become one too.
 * @param {Timed[]} hits in order of time
 * @param {number} reach
 * @param {string} zone
 * @returns {Item[]}
 */
export function daily(hits, reach, zone) {
  const days = [...grouped(hits, (hit) => dayStart(hit.at, zone)).values()].map((group) => itemOf(group));
  return joined(days.map((day) => ({ ...day, at: day.best.at })), reach);
}

/** @param {Item[]} items @param {number} reach @returns {Item[]} */
function joined(items, reach) {
  /** @type {Item[][]} */
  const groups = [];
  for (const item of items) {
    const last = groups[groups.length - 1];
    if (last && item.at - last[0].at < reach) last.push(item);
    else groups.push([item]);
  }
  return groups.map((group) => (group.length === 1 ? group[0] : itemOf(group.flatMap((item) => item.hits), group[0].at)));
}

/**
 * How many hits a lane has by the hour, or by as many hours, days or weeks as leave a bar its room.
 * @param {Timed[]} hits in order of time
 * @param {number} perPixel milliseconds
 * @param {string} zone
 * @returns {{ from: number, to: number, count: number }[]}
 */
export function bars(hits, perPixel, zone) {
  const length = [HOUR, 3 * HOUR, 6 * HOUR, DAY].find((each) => each / perPixel >= BAR) ?? 7 * DAY;
  const begins = (/** @type {number} */ at) => {
    if (length > DAY) return weekStart(at, zone);
    const day = dayStart(at, zone);
    return length === DAY ? day : day + Math.floor((at - day) / length) * length;
  };
  return [...grouped(hits, (hit) => begins(hit.at))].map(([from, group]) => ({ from, to: from + length, count: group.length }));
}

/** @param {Timed[]} hits @param {(hit: Timed) => number} key */
function grouped(hits, key) {
  /** @type {Map<number, Timed[]>} */
  const groups = new Map();
  for (const hit of hits) {
    const name = key(hit);
    const group = groups.get(name);
    if (group) group.push(hit);
    else groups.set(name, [hit]);
  }
  return groups;
}
