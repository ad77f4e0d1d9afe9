import assert from "node:assert/strict";
import { test } from "node:test";

import { speak } from "../../../server/rgbir/server/page/core/words.js";
import { drawHash, drawPath, lackOfDraw, lastOf, othersOf, pointWords, shareText, steps, tellingPoint } from "../../../server/rgbir/server/page/judge/model.js";
import { navigationFor, partOf, partsFor } from "../../../server/rgbir/server/page/shell/views.js";

test("who is in the middle of a draw goes on, and is shown no result", () => {
  const judges = [{ name: "Weber", answered: 20 }, { name: "Okafor", answered: 3 }];
  assert.deepEqual(steps({ answered: 0, pairs: 20, judges: [] }), ["begin"]);
  assert.deepEqual(steps({ answered: 0, pairs: 20, judges }), ["begin", "result"], "somebody else judged all");
  assert.deepEqual(steps({ answered: 3, pairs: 20, judges }), ["goon"]);
  assert.deepEqual(steps({ answered: 20, pairs: 20, judges }), ["result"]);
  assert.deepEqual(steps({ answered: 0, pairs: 0, judges: [] }), ["result"], "every pair was erased");
});

test("a camera is judged against those at other places", () => {
  const cameras = [["1", "Lobby"], ["2", "Ward"], ["3", "Ward"], ["4", "Yard"]].map(([id, place]) => ({ id, place, modalities: ["rgb"], sightings: 1 }));
  const others = (query) => othersOf(cameras, query).map(({ id }) => id);
  assert.deepEqual([others("2"), others("1"), others("")], [["1", "4"], ["2", "3", "4"], ["1", "2", "3", "4"]]);
});

test("what a draw lacks is named, field after field", () => {
  const draft = { query: "1", other: "5", count: "50" };
  assert.equal(lackOfDraw({ ...draft, query: "", other: "" }), "query");
  assert.equal(lackOfDraw({ ...draft, other: "" }), "other");
  const counts = ["19", "20", " 50 ", "500", "501", "", "2e1", "50.5", "-50"];
  assert.deepEqual(counts.filter((count) => lackOfDraw({ ...draft, count }) === null), ["20", " 50 ", "500"]);
});

test("the last answer is the one that this tab gave, or else the one before the pair that is next", () => {
  assert.equal(lastOf([1, 2, 4], { pair: 5, answered: 3, pairs: 20 }), 4, "pair 3 was erased");
  assert.equal(lastOf([], { pair: 5, answered: 4, pairs: 20 }), 4, "after a reload");
  assert.equal(lastOf([], { pair: null, answered: 20, pairs: 20 }), 20);
  assert.equal(lastOf([1], { pair: 1, answered: 0, pairs: 20 }), null, "taken back elsewhere");
});

test("shares have two digits, and one that so few pairs can't tell is said to be below it", () => {
  speak("en");
  assert.deepEqual([0.5, 0.0123, 0.00456, 0, 1].map((share) => shareText(share)), ["50%", "1.2%", "0.46%", "0%", "100%"]);
  assert.deepEqual([0, 0.0049, 0.005].map((share) => shareText(share, 0.005)), ["< 0.5%", "< 0.5%", "0.5%"]);
});

test("the sentence is about the nearest distance that half of one person's pairs are within", () => {
  const point = (distance, same) => ({ distance, same, same_low: same / 2, same_high: 1, strangers: 0, strangers_low: 0, strangers_high: 0.021 });
  const points = [point(7.715, 0.2), point(11.74, 0.5), point(12, 0.9)];
  assert.equal(tellingPoint({ points }), points[1]);
  assert.equal(tellingPoint({ points: points.slice(0, 1) }), points[0], "none is so far: the farthest there is");
  speak("en");
  assert.deepEqual(pointWords(points[1], 0.007), { distance: "11.7", same: "50%", same_low: "25%", same_high: "100%", strangers: "< 0.7%", strangers_low: "0%", strangers_high: "2.1%" });
});

test("a name in an address is one part of it", () => {
  assert.equal(drawPath("a/b", "/next"), "judgements/a%2Fb/next");
  assert.equal(drawHash("a/b"), "#/judge/a%2Fb");
});

test("judging is for whoever may work on cases, and is reached from Manage", () => {
  const paths = (parts) => parts.map(({ path }) => path);
  assert.ok(paths(partsFor(["search", "cases"])).includes("/judge"));
  assert.ok(!paths(partsFor(["search"])).includes("/judge"), "a server that keeps no cases keeps no draws");
  assert.ok(!paths(navigationFor(["search", "cases"])).includes("/judge"));
  assert.equal(partOf("/judge/abc")?.beneath, "/manage");
});
