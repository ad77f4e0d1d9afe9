/** Where an axis of real time has its ticks: the first distance that leaves room, on the zone's own hours and days. Pure. */

import { DAY, HOUR, MINUTE, SECOND, comesTwice, dayStart, monthStart, shownAt, weekStart } from "./days.js";
import { momentsOf } from "../search/moments.js";

/** @typedef {{ unit: "time" | "day" | "week" | "month", count: number, ms: number }} Step */
/** @typedef {{ at: number, day: boolean, twice: boolean }} Tick `day`: a date begins there */

export const ROOM = 64;

/** @type {Step[]} */
export const STEPS = [
  ...[SECOND, 5 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR].map(
    (ms) => /** @type {Step} */ ({ unit: "time", count: 1, ms }),
  ),
  { unit: "day", count: 1, ms: DAY },
  { unit: "week", count: 1, ms: 7 * DAY },
  ...[1, 3, 6, 12, 24, 60, 120, 600].map((count) => /** @type {Step} */ ({ unit: "month", count, ms: count * 28 * DAY })),
];

/** @param {number} perPixel milliseconds */
export const stepOf = (perPixel) => STEPS.find((step) => step.ms / perPixel >= ROOM) ?? STEPS[STEPS.length - 1];

/**
 * @param {{ from: number, to: number }} window
 * @param {Step} step
 * @param {string} zone
 * @returns {Tick[]} in order
 */
export function ticks({ from, to }, step, zone) {
  const moments = new Set(step.unit === "time" ? times(from, to, step.ms, zone) : dates(from, to, step, zone));
  const days = new Set(step.unit === "time" ? dates(from, to, { unit: "day", count: 1, ms: DAY }, zone) : []);
  return [...new Set([...moments, ...days])]
    .sort((one, other) => one - other)
    .map((at) => ({ at, day: days.has(at), twice: step.unit === "time" && comesTwice(at, zone) }));
}

/** @param {number} from @param {number} to @param {number} ms @param {string} zone */
function times(from, to, ms, zone) {
  const found = [];
  if (ms < HOUR) {
    // Clocks change by whole or half hours, so what divides half an hour stays on their minutes.
    const first = from + ((ms - (shownAt(from, zone) % ms)) % ms);
    for (let at = first; at <= to; at += ms) found.push(at);
    return found;
  }
  // What the clocks show may go back within the window; both ends are looked at with both distances from UTC.
  const ahead = [shownAt(from, zone) - from, shownAt(to, zone) - to];
  const last = to + Math.max(...ahead);
  for (let shown = Math.floor((from + Math.min(...ahead)) / ms) * ms; shown <= last; shown += ms) {
    for (const moment of momentsOf(new Date(shown).toISOString().slice(0, 19), zone)) {
      if (moment.getTime() >= from && moment.getTime() <= to) found.push(moment.getTime());
    }
  }
  return found;
}

/** @param {number} from @param {number} to @param {Step} step @param {string} zone */
function dates(from, to, step, zone) {
  const found = [];
  const months = new Date(shownAt(from, zone)).getUTCFullYear() * 12 + new Date(shownAt(from, zone)).getUTCMonth();
  const start = -(months % step.count);
  for (let count = 0; ; count += 1) {
    const at =
      step.unit === "day" ? dayStart(from, zone, count) : step.unit === "week" ? weekStart(from, zone, count) : monthStart(from, zone, start + count * step.count);
    if (at > to) return found;
    if (at >= from) found.push(at);
  }
}
