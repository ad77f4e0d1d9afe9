/** Days, weeks, months and nights of a zone's clocks as moments: 23 or 25 hours where the clocks change. Pure. */

import { momentsOf, offset } from "../search/moments.js";

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const MOST = 20000;
/** What was computed before, as a thousand hits share few days. @type {Map<string, number>} */
const known = new Map();

/** @param {string} key @param {() => number} compute */
function remembered(key, compute) {
  const before = known.get(key);
  if (before !== undefined) return before;
  if (known.size >= MOST) known.clear();
  const value = compute();
  known.set(key, value);
  return value;
}

/**
 * What a clock shows then, as if it were UTC.
 * @param {number} at milliseconds since 1970
 * @param {string} zone
 */
export function shownAt(at, zone) {
  // Since 1970 clocks change on whole minutes, not always on quarters of an hour (St. John's did a minute past midnight).
  if (at < 0) return at + offset(new Date(at), zone) * MINUTE;
  const minute = Math.floor(at / MINUTE);
  return at + remembered(`${zone} ${minute}`, () => offset(new Date(minute * MINUTE), zone)) * MINUTE;
}

/**
 * The first moment at which a clock shows that; where it is left out, the moment that the clock leaps over it.
 * @param {number} shown as if it were UTC
 * @param {string} zone
 */
export function momentOf(shown, zone) {
  const [first] = momentsOf(new Date(shown).toISOString().slice(0, 19), zone);
  return first ? first.getTime() : shown - offset(new Date(shown - DAY), zone) * MINUTE;
}

/** Whether a clock shows that twice a year. @param {number} at @param {string} zone */
export const comesTwice = (at, zone) => momentsOf(new Date(shownAt(at, zone)).toISOString().slice(0, 19), zone).length === 2;

/**
 * The beginning of a date.
 * @param {number} at a moment of it
 * @param {string} zone
 * @param {number} [days] later
 */
export function dayStart(at, zone, days = 0) {
  const date = Math.floor(shownAt(at, zone) / DAY) + days;
  return remembered(`${zone} day ${date}`, () => momentOf(date * DAY, zone));
}

/** The Monday of a moment's week, when it begins. @param {number} at @param {string} zone @param {number} [weeks] later */
export function weekStart(at, zone, weeks = 0) {
  const weekday = (new Date(shownAt(at, zone)).getUTCDay() + 6) % 7;
  return dayStart(at, zone, 7 * weeks - weekday);
}

/** The first of a month that many months later. @param {number} at @param {string} zone @param {number} [months] */
export function monthStart(at, zone, months = 0) {
  const date = new Date(shownAt(at, zone));
  return momentOf(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1), zone);
}

/** The night, from 18 to 8, that is nearest to a moment. @param {number} at @param {string} zone */
export function nightOf(at, zone) {
  const date = new Date(shownAt(at, zone) - 13 * HOUR);
  const begins = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), 18);
  return { from: momentOf(begins, zone), to: momentOf(begins + 14 * HOUR, zone) };
}
