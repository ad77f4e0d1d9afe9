import assert from "node:assert/strict";
import { test } from "node:test";

import { byCamera, leftOut, leftOutSightings, placeOf, stepped, strangerLine, verdictOf, walked, warnings } from "../../../server/rgbir/server/page/answer/model.js";
import { addTexts } from "../../../server/rgbir/server/page/core/words.js";
import { PLAIN } from "../../../server/rgbir/server/page/search/question.js";
import { ANSWER } from "../../../server/rgbir/server/page/texts/answer.js";

addTexts(ANSWER);

/** @param {number[]} expected strangers of each hit */
const hits = (expected, distances = expected.map((_, place) => place)) =>
  expected.map((strangers, place) => ({ id: `h${place}`, rank: place + 1, camera: "1", distance: distances[place], meaning: strangers === null ? null : { strangers } }));

test("the line stands before the first hit that a stranger is expected to equal", () => {
  assert.equal(strangerLine(hits([0.1, 0.9, 1, 3]), PLAIN), 2);
  assert.equal(strangerLine(hits([1.2, 3]), PLAIN), 0);
  assert.equal(strangerLine(hits([0.1, 0.2]), PLAIN), null);
  assert.equal(strangerLine(hits([null, null]), PLAIN), null);
});

test("it isn't drawn where hits don't come in the order of their distances", () => {
  assert.equal(strangerLine(hits([0.1, 2]), { ...PLAIN, rerank: 50 }), null);
  assert.equal(strangerLine(hits([0.1, 2]), { ...PLAIN, group: "identity" }), null);
});

test("what nobody could have walked is a block of its own, and the line stays above it", () => {
  const ranked = { ...PLAIN, passages: "rank", at: "2026-11-12T21:41:00.000Z" };
  const found = hits([0.1, 0.5, 2, 0.05], [1, 2, 4, 0.5]);
  assert.equal(walked(found, ranked), 3);
  assert.equal(strangerLine(found, ranked), 2);
  assert.equal(strangerLine(hits([0.1, 0.5, 4], [1, 2, 0.5]), ranked), null, "past hits of the block alone draw none");
  assert.equal(walked(found, PLAIN), null);
});

test("a verdict has the text of its code, and another one where only some cameras are measured", () => {
  const verdict = (code, values = {}) => verdictOf({ verdict: { code, values } });
  assert.deepEqual([verdict("lead", { hits: 6, strangers: 0.04, total: 1080 }).values.s, verdict("lead", { hits: 6 }).calibrated], ["< 0.1", true]);
  assert.equal(verdict("unknown", { cameras: [], query_camera: "3" }).title, "verdict.unknown");
  assert.equal(verdict("unknown", { cameras: ["4"], query_camera: "3" }).title, "verdict.partly");
  assert.equal(verdict("no_camera").calibrated, false);
});

test("a reason without a text of ours keeps the server's words", () => {
  const answer = { excluded_cameras: [{ camera: "2", reason: "why", code: "same_place", values: { place: "yard" } }, { camera: "7", reason: "why", code: "new_reason", values: {} }] };
  assert.deepEqual(leftOut(answer).map((left) => [left.code, left.values.reason]), [["left.same_place", "why"], ["left.other", "why"]]);
});

test("counts of what was left out are told where there are any", () => {
  const coverage = { place: 3, cameras: 4, untimed: 0, time: 5, passages: 6, labels: 0, searched: 7 };
  assert.deepEqual(leftOutSightings({ coverage }, PLAIN), [{ code: "left.time", n: 5 }, { code: "left.passages", n: 6 }]);
  assert.deepEqual(leftOutSightings({ coverage }, { ...PLAIN, passages: "rank" }), [{ code: "left.time", n: 5 }]);
  assert.deepEqual(leftOutSightings({}, PLAIN), []);
});

test("warnings that the verdict tells are left away, and a camera that nobody named is told", () => {
  const remark = (code) => ({ code, text: "words", values: { shot: 1 } });
  const answer = { remarks: [remark("doubtful"), remark("shot_dark"), remark("a_new_one")], query: { camera: null }, searched_cameras: ["1"] };
  assert.deepEqual(warnings(answer).map((each) => each.code), ["warn.no_camera_named", "warn.shot_dark", ""]);
});

test("hits by camera keep their order, the best camera first", () => {
  const found = [..."12132"].map((camera, place) => ({ camera, rank: place + 1 }));
  assert.deepEqual(byCamera(found).map(({ camera, hits }) => [camera, hits.map((hit) => hit.rank)]), [["1", [1, 3]], ["2", [2, 5]], ["3", [4]]]);
});

test("a camera's place is that of the moment", () => {
  const camera = { place: "hall", places: [{ place: "yard" }, { place: "hall", since: "2026-05-01T00:00:00Z" }] };
  assert.equal(placeOf(camera, "2026-04-30T23:59:59Z"), "yard");
  assert.equal(placeOf(camera, "2026-05-01T00:00:00Z"), "hall");
  assert.equal(placeOf(camera, null), "hall");
  assert.equal(placeOf(undefined, null), "");
});

test("arrows move by position and stop at the edges", () => {
  assert.equal(stepped("ArrowDown", 2, 10, 4), 6);
  assert.equal(stepped("ArrowDown", 8, 10, 4), null);
  assert.equal(stepped("ArrowLeft", 0, 10, 4), null);
  assert.equal(stepped("Home", 6, 10, 4), 4);
  assert.equal(stepped("End", 9, 10, 4), 9);
  assert.equal(stepped("End", 1, 10, 4, true), 9);
  assert.equal(stepped("PageUp", 9, 40, 4), 1);
  assert.equal(stepped("x", 1, 10, 4), null);
});
