import assert from "node:assert/strict";
import { test } from "node:test";

import { PLAIN, fields, fromParams, guessed, lacks, sameQuestion, seen, toParams } from "../../../server/rgbir/server/page/search/question.js";

const WHY = { purpose: "", purposeNeeded: false };
const asked = { ...PLAIN, camera: "3", cameras: ["1", "a&b=c"], since: "2026-11-12T21:00:00.000Z", least: 0.25, group: "track", fuse: "mean", k: 7 };

test("a question survives the address, whatever is in its names", () => {
  const params = toParams(asked);
  assert.deepEqual(fromParams(new URLSearchParams(params.toString())), asked);
  assert.equal(toParams(PLAIN).toString(), "", "defaults aren't written");
});

test("what the address says that is no value of its kind is the default", () => {
  assert.deepEqual(fromParams(new URLSearchParams("k=many&least=&camera=3")), { ...PLAIN, camera: "3" });
  const bad = "at=abc&since=abc&until=2026-13-01&hours=soon&k=0&rerank=50&least=2&group=constructor&fuse=x&passages=maybe&modality=uv";
  assert.deepEqual(fromParams(new URLSearchParams(bad)), PLAIN);
  const hours = (text) => fromParams(new URLSearchParams({ hours: text })).hours;
  const good = ["22:00-05:30", "22:00-05:30 Europe/Berlin", "00:00-00:00 UTC"];
  assert.deepEqual(good.map(hours), good);
  assert.deepEqual(["22-05", "24:00-05:00", "22:00-05:30 Nowhere/At_All", "22:00-05:30 Europe/Berlin x"].map(hours), ["", "", "", ""]);
  assert.equal(fromParams(new URLSearchParams("k=1001")).k, PLAIN.k);
});

test("the view's own parameters stay, and the question's old ones go", () => {
  const params = toParams({ ...PLAIN, camera: "6" }, new URLSearchParams("camera=3&view=timeline&hit=abc"));
  assert.deepEqual(Object.fromEntries(params), { view: "timeline", hit: "abc", camera: "6" });
});

test("the same question is the same however it was made", () => {
  assert.ok(sameQuestion(asked, fromParams(toParams(asked))));
  assert.ok(!sameQuestion(asked, { ...asked, cameras: ["1"] }));
});

test("what a question lacks is said at its field", () => {
  assert.deepEqual(lacks(PLAIN, 0, WHY), { field: "shots", code: "need.shot" });
  assert.deepEqual(lacks(PLAIN, 1, WHY), { field: "camera", code: "need.camera" });
  assert.equal(lacks({ ...PLAIN, modality: "ir" }, 1, WHY), null);
  assert.equal(lacks({ ...PLAIN, like: "abc" }, 0, WHY), null);
  assert.deepEqual(lacks({ ...asked, until: asked.since }, 1, WHY), { field: "dates", code: "dates.turned" });
  assert.deepEqual(lacks(asked, 1, { purpose: "  ", purposeNeeded: true }), { field: "purpose", code: "need.purpose" });
});

test("a form has what was asked and nothing that has no effect", () => {
  const shots = [{ file: "one", box: [1, 2, 30, 40] }, { file: "two", box: null }];
  const form = fields(asked, shots, { purpose: " why ", case: "" });
  assert.deepEqual(form.box, ["1,2,30,40", ""]);
  assert.deepEqual([form.fuse, form.group_by, form.top_k, form.purpose, form.passages], ["mean", "track", 7, "why", null]);
  const like = fields({ ...asked, like: "abc" }, [], { purpose: "", case: "" });
  assert.deepEqual([like.like, like.images, like.camera, like.taken_at], ["abc", undefined, undefined, undefined]);
  assert.equal(fields({ ...PLAIN, camera: "3" }, [{ file: "one", box: null }], { purpose: "", case: "" }).box, null);
  const finds = { purpose: "", case: "", finds: true };
  assert.equal(fields({ ...PLAIN, camera: "3" }, [{ file: "one", box: null }], finds).detect, "true");
  assert.equal(fields({ ...PLAIN, camera: "3" }, [{ file: "one", box: [1, 2, 3, 4] }], finds).detect, null);
  assert.equal(fields({ ...PLAIN, camera: "3" }, [], finds).detect, null);
});

test("a camera is guessed from a folder or a name, and only if it is the only one", () => {
  const cameras = [{ id: "3", aliases: [] }, { id: "yard-ir", aliases: ["6"] }];
  assert.equal(guessed("3_0001.jpg", cameras), "3");
  assert.equal(guessed("photos/yard-ir/night/0001.jpg", cameras), "yard-ir");
  assert.equal(guessed("cam6/0001.jpg", cameras), "yard-ir");
  assert.equal(guessed("holiday.jpg", cameras), null);
  assert.equal(guessed("3/6_1.jpg", cameras), null);
});

test("shots take the boxes that a search took, each its own", () => {
  const shots = [{ id: "a", box: [1, 2, 3, 4] }, { id: "b", box: null }, { id: "c", box: null }];
  const detected = [{ box: [5, 5, 9, 9], people: [{ box: [0, 0, 2, 2] }, { box: [5, 5, 9, 9] }] }, { box: [7, 7, 8, 8], people: [{ box: [7, 7, 8, 8] }] }];
  assert.deepEqual(seen(shots, ["b", "c"], detected), [
    { id: "a", box: [1, 2, 3, 4] },
    { id: "b", box: [5, 5, 9, 9], people: [[0, 0, 2, 2], [5, 5, 9, 9]] },
    { id: "c", box: [7, 7, 8, 8], people: [[7, 7, 8, 8]] },
  ]);
});
