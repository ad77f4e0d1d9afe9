/** The whole gallery in small: sightings an hour or a day, as bars, and moments on a slider. Pure. */

import { DAY, HOUR, momentOf } from "./days.js";

/** @typedef {{ by: string, zone: string, cameras: { camera: string, untimed: number, buckets: { at: string, sightings: number }[] }[] }} Counts */
/** @typedef {import("./windows.js").Window} Window */
/** @typedef {{ by: string, bars: { at: number, count: number }[], from: number, to: number }} Overview */

const MOST_HOURS = 92 * 24;

/**
 * All cameras together, in order of time.
 * @param {Counts} counts
 * @returns {Overview | null} none where nothing has a time
 */
export function overviewOf({ by, zone, cameras }) {
  /** @type {Map<number, number>} */
  const sums = new Map();
  for (const { buckets } of cameras) {
    for (const { at, sightings } of buckets) {
      const begins = by === "day" ? momentOf(Date.parse(`${at.slice(0, 10)}T00:00:00Z`), zone) : Date.parse(at);
      if (Number.isFinite(begins)) sums.set(begins, (sums.get(begins) ?? 0) + sightings);
    }
  }
  const bars = [...sums].sort(([one], [other]) => one - other).map(([at, count]) => ({ at, count }));
  if (!bars.length) return null;
  return { by, bars, from: bars[0].at, to: bars[bars.length - 1].at + (by === "day" ? DAY : HOUR) };
}

/** Whether it is short enough to ask for hours. @param {Overview} overview of days */
export const hoursFit = ({ from, to }) => (to - from) / HOUR <= MOST_HOURS;

/**
 * Its bars as the path of a drawing, one bar a pixel at most: the highest of those that fall together.
 * @param {Overview} overview
 * @param {number} width pixels
 * @param {number} height
 */
export function drawnBars({ bars, by, from, to }, width, height) {
  const most = Math.max(...bars.map((bar) => bar.count));
  const length = by === "day" ? DAY : HOUR;
  const thick = Math.max(1, (length / (to - from)) * width - 1);
  /** @type {Map<number, number>} */
  const columns = new Map();
  for (const { at, count } of bars) {
    const x = Math.round(((at - from) / (to - from)) * width);
    columns.set(x, Math.max(columns.get(x) ?? 0, count));
  }
  return [...columns].map(([x, count]) => `M${x} ${height}v${-Math.max(1, Math.round((count / most) * height))}h${round(thick)}V${height}z`).join("");
}

const round = (/** @type {number} */ value) => Math.round(value * 10) / 10;

/**
 * A thumb of the slider where a key leads; it stays within the whole and the least span from the other one.
 * @param {string} pressed
 * @param {"from" | "to"} thumb
 * @param {Window} window
 * @param {Window} whole
 * @param {number} least span
 * @returns {Window | null}
 */
export function thumbed(pressed, thumb, window, whole, least) {
  const span = whole.to - whole.from;
  const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[pressed];
  const at = pressed === "Home" ? whole.from : pressed === "End" ? whole.to : by === undefined ? null : window[thumb] + (by * span) / 200;
  return at === null ? null : placed(thumb, at, window, whole, least);
}

/** @param {"from" | "to"} thumb @param {number} at @param {Window} window @param {Window} whole @param {number} least */
export function placed(thumb, at, window, whole, least) {
  const inside = Math.min(Math.max(at, whole.from), whole.to);
  return thumb === "from" ? { from: Math.min(inside, window.to - least), to: window.to } : { from: window.from, to: Math.max(inside, window.from + least) };
}
