/** The window of time that is shown: where it begins, its scales, and how it moves. Pure. */

import { DAY, HOUR, MINUTE, SECOND, dayStart, nightOf, weekStart } from "./days.js";

/** @typedef {{ from: number, to: number }} Window milliseconds since 1970 */

export const LEAST = 10 * SECOND;
export const MOST = 200 * 366 * DAY;
const FIRST = 10;
const MARGIN = 0.05;

export const SCALES = /** @type {const} */ (["10min", "1h", "3h", "night", "day", "week", "all"]);
/** @typedef {typeof SCALES[number]} Scale */
/** @type {Record<string, number>} */
const SPANS = { "10min": 10 * MINUTE, "1h": HOUR, "3h": 3 * HOUR };

/** From a week on, a week with a change of clocks too. @param {Window} window */
export const isLong = (window) => window.to - window.from >= 7 * DAY - 2 * HOUR;

/** @param {Window} window */
export const middle = (window) => (window.from + window.to) / 2;

/**
 * Room on both sides, and never shorter than a minute.
 * @param {Window} window
 * @param {number} [most] span in milliseconds
 */
export function padded({ from, to }, most = MOST) {
  const span = Math.min(Math.max((to - from) * (1 + 2 * MARGIN), MINUTE), most);
  const at = (from + to) / 2;
  return { from: at - span / 2, to: at + span / 2 };
}

/**
 * Where one begins: the query and its ten best hits that have a time, without those that would make it longer than a week.
 * @param {number | null} at when the query was taken
 * @param {{ rank: number, at: number }[]} hits that have a time
 * @returns {Window | null} none where nothing has a time
 */
export function beginning(at, hits) {
  const best = [...hits].sort((one, other) => one.rank - other.rank).slice(0, FIRST).map((hit) => hit.at);
  const [first, ...others] = at === null ? best : [at, ...best];
  if (first === undefined) return null;
  let [from, to] = [first, first];
  for (const moment of others) {
    const wider = [Math.min(from, moment), Math.max(to, moment)];
    if (wider[1] - wider[0] <= 7 * DAY) [from, to] = wider;
  }
  return padded({ from, to }, 7 * DAY);
}

/**
 * The query and every hit that has a time.
 * @param {number | null} at
 * @param {{ at: number }[]} hits
 */
export function everything(at, hits) {
  const moments = hits.map((hit) => hit.at).concat(at === null ? [] : [at]);
  if (!moments.length) return null;
  return padded({ from: Math.min(...moments), to: Math.max(...moments) });
}

/**
 * A scale's window around a moment; nights, days and weeks are those of the zone's calendar.
 * @param {Scale} scale
 * @param {number} at
 * @param {string} zone
 * @param {Window} all
 * @returns {Window}
 */
export function scaled(scale, at, zone, all) {
  if (scale === "all") return all;
  if (scale === "night") return nightOf(at, zone);
  if (scale === "day") return { from: dayStart(at, zone), to: dayStart(at, zone, 1) };
  if (scale === "week") return { from: weekStart(at, zone), to: weekStart(at, zone, 1) };
  return { from: at - SPANS[scale] / 2, to: at + SPANS[scale] / 2 };
}

/**
 * The scale that a window has, if it has one.
 * @param {Window} window
 * @param {string} zone
 * @param {Window} all
 */
export function scaleOf(window, zone, all) {
  const same = (/** @type {Window} */ other) => Math.abs(other.from - window.from) < SECOND && Math.abs(other.to - window.to) < SECOND;
  return SCALES.find((scale) =>
    scale in SPANS ? Math.abs(window.to - window.from - SPANS[scale]) < SECOND : same(scaled(scale, middle(window), zone, all)),
  );
}

/**
 * Nearer or farther; what is at `around` stays where it is.
 * @param {Window} window
 * @param {number} factor of the span: below 1 is nearer
 * @param {number} around
 */
export function zoomed({ from, to }, factor, around) {
  const span = Math.min(Math.max((to - from) * factor, LEAST), MOST);
  const share = (around - from) / (to - from);
  return { from: around - share * span, to: around + (1 - share) * span };
}

/** Moved by a share of itself. @param {Window} window @param {number} share */
export function panned({ from, to }, share) {
  const by = (to - from) * share;
  return { from: from + by, to: to + by };
}

/** As long as it is, around a moment. @param {Window} window @param {number} at */
export const centred = ({ from, to }, at) => ({ from: at - (to - from) / 2, to: at + (to - from) / 2 });

/** Moved as little as brings a moment well inside. @param {Window} window @param {number} at */
export function showing(window, at) {
  const room = (window.to - window.from) * MARGIN;
  if (at >= window.from + room && at <= window.to - room) return window;
  return at < window.from + room ? panned(window, (at - room - window.from) / (window.to - window.from)) : panned(window, (at + room - window.to) / (window.to - window.from));
}

/**
 * As the address keeps it.
 * @param {string | null} from
 * @param {string | null} to
 * @returns {Window | null} none where it isn't one
 */
export function fromText(from, to) {
  const window = { from: Date.parse(from ?? ""), to: Date.parse(to ?? "") };
  return window.to - window.from >= LEAST / 2 && window.to - window.from <= MOST * 2 ? window : null;
}

/** @param {Window} window */
export const toText = ({ from, to }) => ({ from: new Date(Math.round(from)).toISOString(), to: new Date(Math.round(to)).toISOString() });
