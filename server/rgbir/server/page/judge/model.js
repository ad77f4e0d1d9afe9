/** Judging without elements: where a draw stands, what is drawn, what a result says. Pure but for the language in use. */

import { number } from "../core/words.js";

/** @typedef {import("../core/types.js").Schemas} Schemas */
/** @typedef {Schemas["Judgement"]} Draw */
/** @typedef {Schemas["PairToJudge"]} Pair */
/** @typedef {Schemas["JudgedEstimate"]} Estimate */
/** @typedef {{ query: string, other: string, count: string }} Draft */

export const LEAST = 20;
export const MOST = 500;

/** @param {string} id @param {string} [more] */
export const drawPath = (id, more = "") => `judgements/${encodeURIComponent(id)}${more}`;

/** @param {string} id @param {string} [more] */
export const drawHash = (id, more = "") => `#/judge/${encodeURIComponent(id)}${more}`;

/** What one may do with a draw: who is in the middle of it is told nothing of it. @param {Draw} draw @returns {("begin" | "goon" | "result")[]} */
export function steps({ answered, pairs, judges }) {
  if (answered >= pairs) return ["result"];
  if (answered > 0) return ["goon"];
  return judges.some((judge) => judge.answered >= pairs) ? ["begin", "result"] : ["begin"];
}

/** The cameras that one may be judged against: those at other places. @param {Schemas["CameraInfo"][]} cameras @param {string} query */
export function othersOf(cameras, query) {
  const place = cameras.find((camera) => camera.id === query)?.place;
  return cameras.filter((camera) => camera.id !== query && camera.place !== place);
}

/** What keeps pairs from being drawn: the field. @param {Draft} draft @returns {keyof Draft | null} */
export function lackOfDraw({ query, other, count }) {
  if (!query) return "query";
  if (!other) return "other";
  return /^\d+$/.test(count.trim()) && Number(count) >= LEAST && Number(count) <= MOST ? null : "count";
}

/**
 * The number of one's last answer: as this tab remembers it, else the one before the pair that is next.
 * @param {number[]} given numbers of the pairs that were answered in this tab, the last one at the end
 * @param {Pair} shown
 */
export function lastOf(given, { pair, answered, pairs }) {
  if (answered === 0) return null;
  return given.at(-1) ?? (pair ?? pairs + 1) - 1;
}

/** A share as people read it, with two digits. @param {number} share @param {number} [least] that can be told */
export function shareText(share, least = 0) {
  const text = (/** @type {number} */ value) => number(value, { style: "percent", maximumSignificantDigits: 2 });
  return share < least ? `< ${text(least)}` : text(share);
}

/** The point that says most in one sentence: the nearest distance that half of one person's pairs are within. @param {Estimate} estimate */
export const tellingPoint = ({ points }) => points.find(({ same }) => same >= 0.5) ?? points.at(-1);

/** A point in words. @param {Estimate["points"][number]} point @param {number} least */
export const pointWords = (point, least) => ({
  distance: number(point.distance, { maximumSignificantDigits: 3 }),
  same: shareText(point.same), same_low: shareText(point.same_low), same_high: shareText(point.same_high),
  strangers: shareText(point.strangers, least), strangers_low: shareText(point.strangers_low), strangers_high: shareText(point.strangers_high),
});
