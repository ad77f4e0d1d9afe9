import assert from "node:assert/strict";
import { test } from "node:test";

import { byCamera, leftOut, leftOutSightings, lines, placeOf, putLast, reordered, stepped, verdictOf, warnings } from "../../../server/rgbir/server/page/answer/model.js";
import { unwalked } from "../../../server/rgbir/server/page/answer/walks.js";
import { addTexts } from "../../../server/rgbir/server/page/core/words.js";
import { PLAIN } from "../../../server/rgbir/server/page/search/question.js";
import { ANSWER } from "../../../server/rgbir/server/page/texts/answer.js";

addTexts(ANSWER);

/** @param {number[]} expected strangers of each hit */
const hits = (expected, distances = expected.map((_, place) => place)) =>
  expected.map((strangers, place) => ({ id: `h${place}`, rank: place + 1, camera: "1", distance: distances[place], meaning: strangers === null ? null : { strangers } }));

const NONE = new Set();

test("the line stands before the first hit that a stranger is expected to equal", () => {
  const line = (expected) => lines(hits(expected), PLAIN, NONE).strangers;
  assert.deepEqual([line([0.1, 0.9, 1, 3]), line([1.2, 3]), line([0.1, 0.2]), line([null, null])], [2, 0, null, null]);
});

test("it isn't drawn where hits don't come in the order of their distances, and cards tell it themselves", () => {
  for (const asked of [{ ...PLAIN, rerank: "aim" }, { ...PLAIN, group: "identity" }]) {
    assert.deepEqual(lines(hits([0.1, 2]), asked, NONE), { strangers: null, walk: null, ordered: false });
  }
  assert.deepEqual(lines(hits([0.1, 2, 0.5], [1, 3, 2]), { ...PLAIN, passages: "rank" }, NONE), { strangers: null, walk: null, ordered: false }, "nobody knows why");
});

test("what was put last is a block of its own, whatever its distances, and the line of strangers is drawn above it only", () => {
  const ranked = { ...PLAIN, passages: "rank", at: "2026-11-12T21:41:00.000Z" };
  const nearer = hits([0.1, 0.5, 2, 0.05], [1, 2, 4, 0.5]);
  const farther = hits([0.1, 0.5, 2, 3], [1, 2, 4, 5]);
  for (const found of [nearer, farther]) assert.deepEqual(lines(found, ranked, new Set(["h3"])), { strangers: 2, walk: 3, ordered: true });
  assert.deepEqual(lines(hits([0.1, 0.5, 4], [1, 2, 0.5]), ranked, new Set(["h2"])), { strangers: null, walk: 2, ordered: true }, "those of the block alone draw none");
  assert.deepEqual(lines(hits([0.1, 3]), ranked, new Set(["h0", "h1"])), { strangers: null, walk: 0, ordered: true }, "all of them");
  assert.equal(putLast(farther, { ...ranked, passages: "off" }, new Set(["h3"])), 0, "they aren't last because of that");
});

test("each hit is judged by its own place and moment, as walks say", () => {
  const network = {
    cameras: [{ id: "1", place: "lobby", places: [{ place: "ward" }, { place: "lobby", since: "2026-11-12T21:50:00Z" }] }, { id: "2", place: "gate" }, { id: "3", place: "roof" }],
    passages: [{ origin: "ward", destination: "lobby", soonest_s: 240, latest_s: null }, { origin: "gate", destination: "ward", soonest_s: 60, latest_s: 600 }],
  };
  const hit = (camera, minutes) => ({ id: `${camera} ${minutes}`, camera, taken_at: minutes === null ? null : new Date(Date.parse("2026-11-12T22:00:00Z") + minutes * 60000).toISOString() });
  const found = [hit("1", 3), hit("1", 4), hit("1", -5), hit("1", -12), hit("2", 0.5), hit("2", 5), hit("2", 11), hit("2", null), hit("3", 0)];
  assert.deepEqual([...unwalked(found, network, "ward", "2026-11-12T22:00:00Z")], ["1 3", "2 0.5", "2 11"], "12 minutes before camera 1 was at the ward itself");
  assert.deepEqual([...unwalked(found, network, "ward", "")], [], "without a time nobody knows");
  assert.deepEqual([...unwalked(found, network, null, "2026-11-12T22:00:00Z")], []);
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
  assert.deepEqual(leftOutSightings({ coverage }, PLAIN, 0), [{ code: "left.time", n: 5 }, { code: "left.passages", n: 6 }]);
  assert.deepEqual(leftOutSightings({ coverage }, { ...PLAIN, passages: "rank" }, 2), [{ code: "left.time", n: 5 }, { code: "left.last", n: 2 }]);
  assert.deepEqual(leftOutSightings({}, PLAIN, 0), []);
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

test("a re-ranked answer says by what, and how many were ordered again", () => {
  const done = { method: "aim(4,1)", scored: 40, seen: 40, most: 1000, made: 0, kept: 90, most_kept: 100000, bytes: 1 };
  assert.equal(reordered({ reranking: null }), null);
  assert.deepEqual(reordered({ reranking: done }), { code: "reordered.all", values: { m: "aim(4,1)", n: 40, total: 40 } });
  assert.equal(reordered({ reranking: { ...done, scored: 30 } }).code, "reordered.first");
});
