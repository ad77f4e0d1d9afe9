/** From an answer to what is shown of it. Pure: these are what the unit tests test. */

import { has, strangers } from "../core/words.js";

/** @typedef {import("../core/types.js").Answer} Answer */
/** @typedef {import("../core/types.js").Hit} Hit */
/** @typedef {import("../core/types.js").CameraInfo} CameraInfo */
/** @typedef {import("./../search/question.js").Question} Question */

/**
 * The verdict's texts and values.
 * @param {Answer} answer
 */
export function verdictOf(answer) {
  const { code, values } = answer.verdict;
  const partly = code === "unknown" && Array.isArray(values.cameras) && values.cameras.length > 0 && values.query_camera;
  return {
    kind: code,
    title: partly ? "verdict.partly" : `verdict.${code}`,
    more: partly ? "verdict.partly.more" : `verdict.${code}.more`,
    values: {
      n: values.hits,
      total: values.total,
      s: typeof values.strangers === "number" ? strangers(values.strangers) : "",
      list: values.cameras,
      q: values.query_camera,
    },
    calibrated: code === "lead" || code === "doubt",
  };
}

/**
 * Before which hit the line stands from which on a stranger is expected to be as near; none where it isn't drawn.
 * @param {Hit[]} hits
 * @param {Question} question
 * @returns {number | null}
 */
export function strangerLine(hits, question) {
  if (!inOrderOfDistance(question)) return null;
  const far = new Set(walked(hits, question) === null ? [] : hits.slice(walked(hits, question) ?? 0).map((hit) => hit.id));
  const place = hits.findIndex((hit) => !far.has(hit.id) && isPast(hit));
  return place < 0 ? null : place;
}

/** @param {Hit} hit */
export const isPast = (hit) => (hit.meaning?.strangers ?? 0) >= 1;

/** @param {Question} question whether its hits come in the order of their distances */
export const inOrderOfDistance = (question) => question.rerank === 0 && question.group === "none" && !question.refined;

/**
 * With what nobody could have walked to put last: before which hit that block begins; null where there is none, or nobody knows.
 * @param {Hit[]} hits
 * @param {Question} question
 * @returns {number | null}
 */
export function walked(hits, question) {
  if (question.passages !== "rank" || !question.at || !inOrderOfDistance(question)) return null;
  for (let place = 1; place < hits.length; place += 1) if (hits[place].distance < hits[place - 1].distance) return place;
  return null;
}

/** @typedef {{ camera: string, code: string, values: Record<string, unknown> }} LeftOut */

/**
 * The cameras that were left out, with the text of each reason; one whose code has none keeps the server's words.
 * @param {Answer} answer
 * @returns {LeftOut[]}
 */
export function leftOut(answer) {
  return answer.excluded_cameras.map((camera) => {
    const code = `left.${camera.code}`;
    const values = { c: camera.camera, ...camera.values, reason: camera.reason };
    return { camera: camera.camera, code: has(code) ? code : "left.other", values };
  });
}

/**
 * How many sightings of searched cameras were left out, and why: texts with their numbers.
 * @param {Answer} answer
 * @param {Question} question
 */
export function leftOutSightings({ coverage }, question) {
  if (!coverage) return [];
  const counts = [
    { code: "left.untimed", n: coverage.untimed },
    { code: "left.time", n: coverage.time },
    { code: "left.passages", n: question.passages === "filter" ? coverage.passages : 0 },
    { code: "left.labels", n: coverage.labels },
  ];
  return counts.filter(({ n }) => n > 0);
}

/**
 * The remarks as texts and values; those that the verdict tells already are left away.
 * @param {Answer} answer
 */
export function warnings(answer) {
  const told = ["doubtful", "nothing_searched"];
  const remarks = answer.remarks
    .filter((remark) => !told.includes(remark.code))
    .map((remark) => {
      const { share, ...values } = remark.values;
      const code = `warn.${remark.code}`;
      return { code: has(code) ? code : "", text: remark.text, shot: Number(values.shot ?? 0), values: { ...values, share } };
    });
  if (answer.query.camera === null && answer.searched_cameras.length) {
    remarks.unshift({ code: "warn.no_camera_named", text: "", shot: 0, values: { share: undefined } });
  }
  return remarks;
}

/**
 * Hits by camera, the camera of the best one first.
 * @param {Hit[]} hits
 * @returns {{ camera: string, hits: Hit[] }[]}
 */
export function byCamera(hits) {
  /** @type {Map<string, Hit[]>} */
  const rows = new Map();
  for (const hit of hits) rows.set(hit.camera, [...(rows.get(hit.camera) ?? []), hit]);
  return [...rows].map(([camera, group]) => ({ camera, hits: group }));
}

/**
 * The place that a camera had then; its last one where the moment isn't known.
 * @param {CameraInfo | undefined} camera
 * @param {string | null | undefined} moment
 */
export function placeOf(camera, moment) {
  if (!camera) return "";
  const places = camera.places ?? [];
  if (!moment || places.length < 2) return camera.place;
  let place = places[0];
  for (const stay of places) if (!stay.since || Date.parse(stay.since) <= Date.parse(moment)) place = stay;
  return place.place;
}

/**
 * Where a key leads from a hit in a grid of so many columns; null where it leads nowhere.
 * @param {string} pressed
 * @param {number} at
 * @param {number} count
 * @param {number} columns
 * @param {boolean} control
 */
export function stepped(pressed, at, count, columns, control = false) {
  const rowStart = at - (at % columns);
  /** @type {Record<string, number>} */
  const leads = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    ArrowUp: at - columns,
    ArrowDown: at + columns,
    Home: control ? 0 : rowStart,
    End: control ? count - 1 : Math.min(rowStart + columns - 1, count - 1),
    PageUp: Math.max(at - 4 * columns, at % columns),
    PageDown: at + 4 * columns < count ? at + 4 * columns : count - 1,
  };
  const target = leads[pressed];
  return target === undefined || target < 0 || target >= count ? null : target;
}
