import assert from "node:assert/strict";
import { test } from "node:test";

import { along, beside, between, walk, wholeTrack } from "../../../server/rgbir/server/page/compare/facts.js";
import { actOf } from "../../../server/rgbir/server/page/compare/keys.js";
import { seenAs, shade } from "../../../server/rgbir/server/page/compare/shade.js";
import { LEVELS, WHOLE, fitted, isWhole, laid, level, panned, pointAt, seen, zoomed } from "../../../server/rgbir/server/page/compare/zoom.js";

const close = (actual, wanted) => {
  for (const [name, value] of Object.entries(wanted)) assert.ok(Math.abs(actual[name] - value) < 1e-9, `${name}: ${actual[name]}, not ${value}`);
};
const PANE = { width: 500, height: 600 };
const TALL = { width: 100, height: 200 };
const WIDE = { width: 200, height: 100 };

test("a picture fits its pane whole, and lies in its middle", () => {
  assert.deepEqual(fitted(TALL, PANE), { width: 300, height: 600 });
  assert.deepEqual(laid(WHOLE, 0, TALL, PANE), { left: 100, top: 0, width: 300, height: 600 });
  assert.deepEqual(laid(WHOLE, 1, WIDE, PANE), { left: 0, top: 175, width: 500, height: 250 });
  assert.deepEqual(fitted({ width: 0, height: 0 }, PANE), { width: 0, height: 0 });
});

test("levels go in and out and stop at their ends", () => {
  const up = [];
  for (let zoom = 1, next = level(1, 1); zoom !== next; zoom = next, next = level(zoom, 1)) up.push(next);
  assert.deepEqual([1, ...up], LEVELS);
  assert.deepEqual([level(2.7, 1), level(2.7, -1), level(8, 1), level(1, -1)], [3, 2, 8, 1]);
});

test("what is under the pointer stays there when zooming, in each picture at the same fractions", () => {
  const at = { x: 0.4, y: 0.3 };
  const look = zoomed(WHOLE, 3, null, at, 0);
  for (const [which, picture] of [[0, TALL], [1, WIDE]]) {
    const [before, after] = [laid(WHOLE, which, picture, PANE), laid(look, which, picture, PANE)];
    close(
      { x: after.left + at.x * after.width, y: after.top + at.y * after.height },
      { x: before.left + at.x * before.width, y: before.top + at.y * before.height },
    );
    assert.equal(after.width, 3 * before.width);
    close(pointAt(after, after.left + at.x * after.width, after.top + at.y * after.height), at);
  }
});

test("zooming out again to the whole centres it", () => {
  const look = zoomed(panned(zoomed(WHOLE, 4, null), 0.3, -0.3, null), 1, null);
  assert.ok(isWhole(look));
  close(look, { x: 0.5, y: 0.5 });
  assert.equal(zoomed(WHOLE, 99, null).zoom, 8);
  assert.equal(zoomed(WHOLE, 0.2, null).zoom, 1);
});

test("panning goes as far as the picture", () => {
  const near = zoomed(WHOLE, 4, null);
  close(panned(near, 5, -5, null), { x: 0.875, y: 0.125 });
  close(panned(WHOLE, 0.2, 0.2, null), { x: 0.5, y: 0.5 });
});

test("switched off, one picture moves alone; on again, both move and the shift stays", () => {
  const near = zoomed(WHOLE, 2, null);
  const alone = panned(near, 0, 0.1, 1);
  close(seen(alone, 0), { zoom: 2, x: 0.5, y: 0.5 });
  close(seen(alone, 1), { zoom: 2, x: 0.5, y: 0.6 });
  const both = panned(alone, 0.05, 0.05, null);
  close(seen(both, 0), { x: 0.55, y: 0.55 });
  close(seen(both, 1), { x: 0.55, y: 0.65 });
  const larger = zoomed(both, 4, 1);
  close(seen(larger, 0), { zoom: 2, x: 0.55 });
  close(seen(larger, 1), { zoom: 4, x: 0.55, y: 0.65 });
  close(seen(zoomed(larger, 3, null, null, 0), 1), { zoom: 6 });
  assert.ok(!isWhole(alone));
});

const at = (minutes) => new Date(Date.UTC(2026, 10, 12, 22, minutes)).toISOString();

test("time from the query is signed, and unknown where one has none", () => {
  assert.equal(between(at(0), at(17)), 1020);
  assert.equal(between(at(17), at(0)), -1020);
  assert.equal(between("", at(0)), null);
  assert.equal(between(at(0), null), null);
});

test("a walk is possible between its soonest and latest, either way", () => {
  const passages = [{ origin: "garden", destination: "ward", soonest_s: 360, latest_s: 2700 }, { origin: "ward", destination: "gate", soonest_s: 540 }];
  const state = (place, seconds) => walk(passages, "ward", place, seconds)?.state;
  assert.deepEqual([359, 360, 2700, 2701, -360, -1].map((seconds) => state("garden", seconds)), ["soon", "possible", "possible", "long", "possible", "soon"]);
  assert.equal(state("gate", 1e9), "possible");
  assert.equal(state("gate", null), "untimed");
  assert.equal(state("lobby", 100), "unknown");
  assert.equal(state("ward", 100), undefined);
  assert.equal(walk(passages, null, "gate", 1), null);
  assert.deepEqual([walk(passages, "ward", "gate", -600)?.from, walk(passages, "ward", "gate", 600)?.from], ["gate", "ward"]);
});

test("stepping stops at the ends, and a whole track is counted only where both its ends were told", () => {
  const hits = [{ id: "a" }, { id: "b" }];
  assert.deepEqual([along(hits, "a", 1)?.id, along(hits, "b", 1), along(hits, "a", -1), along(hits, "x", 1)], ["b", undefined, undefined, undefined]);
  assert.deepEqual([beside([1, 2, 3], 0, -1), beside([1, 2, 3], 1, 1), beside([1, 2, 3], 2, 1)], [0, 2, 2]);
  assert.equal(wholeTrack({ before: [1, 2], after: [3] }, 12), 4);
  assert.equal(wholeTrack({ before: [1, 2], after: [3] }, 2), null);
  assert.equal(wholeTrack(null, 2), null);
});

test("keys: letters can be switched off, Shift with arrows pans, and the browser's own shortcuts stay its own", () => {
  const press = (key, more = {}, letters = true) => actOf({ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...more }, letters);
  assert.deepEqual([press("ArrowRight"), press("J"), press("k"), press("g"), press("i"), press("+"), press("0"), press("[")], ["next", "next", "previous", "grey", "numbers", "nearer", "whole", "shotBefore"]);
  assert.equal(press("ArrowRight", { shiftKey: true }), "panRight");
  assert.equal(press("+", { shiftKey: true }), "nearer");
  assert.deepEqual([press("g", {}, false), press("ArrowRight", {}, false)], [null, "next"]);
  assert.deepEqual([press("0", { ctrlKey: true }), press("f", { metaKey: true }), press("ArrowLeft", { altKey: true }), press("s"), press("Tab")], [null, null, null, null, null]);
});

test("a map is one colour, as opaque as the network reacted, row by row", () => {
  assert.deepEqual([...shade([[0.5, 1], [0.75, 0.6]])], [255, 0, 200, 0, 255, 0, 200, 255, 255, 0, 200, 128, 255, 0, 200, 51]);
  assert.deepEqual([...shade([[1, 1]])].filter((_, place) => place % 4 === 3), [0, 0], "it says nothing");
});

test("a sighting is seen as its camera gives it, and a day and night camera's as when it was enrolled", () => {
  assert.deepEqual([seenAs(["ir"]), seenAs(["rgb"]), seenAs(["ir", "rgb"])], ["ir", "rgb", "rgb"]);
});
