/** From an answer to what is shown of it. Pure: these are what the unit tests test. */

import { has, strangers, t } from "../core/words.js";

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
 * Where lines stand in a list of hits: before the first one that a stranger is expected to equal, and before those that were put
 * last because nobody could have walked to them. The first one is drawn above the others only, and nowhere where they don't come
 * in the order of their distances.
 * @param {readonly Hit[]} hits
 * @param {Question} question
 * @param {ReadonlySet<string>} far ids of hits that nobody could have walked to
 * @returns {{ strangers: number | null, walk: number | null, ordered: boolean }} places of hits; `ordered`: whether the line tells what is past it
 */
export function lines(hits, question, far) {
  const last = putLast(hits, question, far);
  const near = hits.slice(0, hits.length - last);
  const ordered = question.rerank === "none" && question.group === "none" && !question.refined && near.every((hit, place) => place === 0 || hit.distance >= near[place - 1].distance);
  const place = ordered ? near.findIndex(isPast) : -1;
  return { strangers: place < 0 ? null : place, walk: last > 0 ? hits.length - last : null, ordered };
}

/** @param {Hit} hit */
export const isPast = (hit) => (hit.meaning?.strangers ?? 0) >= 1;

/**
 * How many hits stand last because nobody could have walked to them.
 * @param {readonly Hit[]} hits
 * @param {Question} question
 * @param {ReadonlySet<string>} far
 */
export function putLast(hits, question, far) {
  if (question.passages !== "rank") return 0;
  return hits.length - 1 - hits.findLastIndex((hit) => !far.has(hit.id));
}

/**
 * How the hits were ordered anew, as a text and its values; none if they weren't.
 * @param {Answer} answer
 */
export function reordered({ reranking }) {
  if (!reranking) return null;
  const code = reranking.scored === reranking.seen ? "reordered.all" : "reordered.first";
  return { code, values: { m: reranking.method, n: reranking.scored, total: reranking.seen } };
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
    const values = { c: camera.camera, ...camera.values, reason: camera.reason, light: t(`light.${camera.values?.modality}`) };
    return { camera: camera.camera, code: has(code) ? code : "left.other", values };
  });
}

/**
 * How many sightings of searched cameras were left out or put last, and why: texts with their numbers.
 * @param {Answer} answer
 * @param {Question} question
 * @param {number} last how many were put last
 */
export function leftOutSightings({ coverage }, question, last) {
  const counts = [
    { code: "left.untimed", n: coverage?.untimed ?? 0 },
    { code: "left.time", n: coverage?.time ?? 0 },
    { code: "left.passages", n: question.passages === "filter" ? (coverage?.passages ?? 0) : 0 },
    { code: "left.last", n: last },
    { code: "left.labels", n: coverage?.labels ?? 0 },
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
