import assert from "node:assert/strict";
import { test } from "node:test";

import { letterOf } from "../../../server/rgbir/server/page/cases/keys.js";
import {
  answerOf, asAnswer, barred, byMark, bySighting, caseFields, changes, counted, course, grouped, isRefined, lackOfCase, mayWork, moved, namesOf, questionOf, standing, strongest, unseen,
} from "../../../server/rgbir/server/page/cases/model.js";
import { joined, keeping } from "../../../server/rgbir/server/page/gallery/erasing.js";
import { PLAIN, fields, lacks, parted } from "../../../server/rgbir/server/page/search/question.js";
import { clustered } from "../../../server/rgbir/server/page/timeline/clusters.js";

const mark = (n, picture, kind, more = {}) => ({ n, picture, mark: kind, note: "", who: "weber", at: "2026-11-13T08:00:00Z", ...more });
const hit = (id, more = {}) => ({ id, kind: "hit", sighting: `s-${id}`, blank: false, added_at: "2026-11-13T08:00:00Z", ...more });
const CASE = {
  pictures: [
    { id: "q", kind: "query", sighting: null, camera: "3", place: "Ward 2", modality: "ir", taken_at: "2026-11-12T21:41:06Z", added_at: "2026-11-13T07:00:00Z", image: "x" },
    hit("a", { taken_at: "2026-11-12T22:00:00Z", camera: "1" }),
    hit("b", { taken_at: "2026-11-12T21:00:00Z", camera: "4" }),
    hit("c", { taken_at: null, camera: "1" }),
    hit("gone", { sighting: null, erased_at: "2026-11-14T00:00:00Z" }),
    hit("undone"),
  ],
  marks: [
    mark(1, "a", "unsure"), mark(2, "a", "same", { note: "backpack", rank: 7 }), mark(3, "b", "same"), mark(4, "b", "different", { withdrawn_at: "x" }),
    mark(5, "c", "different"), mark(6, "gone", "unsure"), mark(7, "undone", "same", { withdrawn_at: "x" }),
  ],
};

test("the last mark that wasn't taken back holds, and the one before it holds again", () => {
  assert.deepEqual([...standing(CASE.marks)].map(([picture, { n }]) => [picture, n]), [["a", 2], ["b", 3], ["c", 5], ["gone", 6]]);
  assert.deepEqual([...bySighting(CASE)], [
    ["s-a", { mark: "same", note: "backpack", n: 2 }], ["s-b", { mark: "same", note: "", n: 3 }], ["s-c", { mark: "different", note: "", n: 5 }],
  ]);
  assert.deepEqual(counted(bySighting(CASE)), { same: 2, unsure: 0, different: 1 });
  assert.equal(strongest([undefined, "different", "unsure"]), "unsure");
  assert.equal(strongest([undefined]), undefined);
});

test("a mark that is not for the key says nothing of what was decided", () => {
  const of = { pictures: [...CASE.pictures, hit("hidden", { sighting: null, blank: true })], marks: [...CASE.marks, mark(8, "hidden", null, { blank: true })] };
  assert.deepEqual(course(of), course(CASE));
  assert.deepEqual(bySighting(of), bySighting(CASE));
  assert.deepEqual(byMark(of).filter(({ kind }) => !byMark(CASE).some((group) => group.kind === kind)).map(({ kind, events }) => [kind, events.map(({ picture }) => picture.id)]), [["blank", ["hidden"]]]);
});

test("the course is in order of time, without what was ruled out, and what has no time comes last", () => {
  assert.deepEqual(course(CASE).map(({ picture }) => picture.id), ["b", "q", "a", "gone"]);
  assert.deepEqual(byMark(CASE).map(({ kind, events }) => [kind, events.map(({ picture }) => picture.id)]), [["same", ["a", "b"]], ["unsure", ["gone"]], ["different", ["c"]], ["none", ["undone"]]]);
});

test("a course is drawn like an answer: without what is gone, with the ranks of the marks", () => {
  const { answer, query } = asAnswer(CASE, { cameras: ["1", "3", "4", "6"].map((id) => ({ id })) });
  assert.equal(query.id, "q");
  assert.deepEqual(answer.hits.map(({ id, rank }) => [id, rank]), [["s-b", 1], ["s-a", 7]]);
  assert.deepEqual([answer.query.place, answer.searched_cameras], ["Ward 2", ["1", "3", "4"]]);
});

test("who may do what, and why a case isn't searched for", () => {
  const head = (more) => ({ access: "own", state: "open", approval: null, ...more });
  assert.deepEqual([head({}), head({ access: "read" }), head({ state: "closed" }), head({ state: "waiting" })].map(mayWork), [true, false, false, true]);
  assert.equal(mayWork(null), false);
  assert.deepEqual(
    [head({}), head({ state: "closed" }), head({ state: "waiting", approval: { at: null } }), head({ access: "read" }), head({ approval: { at: "x" } }), null].map(barred),
    [null, "case.closed", "case.waits", "case.reader", null, null],
  );
  assert.deepEqual(grouped([head({ state: "closed", id: 1 }), head({ id: 2 })]).map(({ heads }) => heads.map(({ id }) => id)), [[2], [], [1]]);
});

test("a card says where its hit was before marks were heeded, in words", () => {
  assert.deepEqual(moved({ rank: 4, plain_rank: 7 }, true), { code: "refined.was", r: 7 });
  assert.deepEqual(moved({ rank: 4, plain_rank: null }, true), { code: "refined.new" });
  assert.equal(moved({ rank: 4, plain_rank: 4 }, true), null);
  assert.equal(moved({ rank: 4, plain_rank: 7 }, false), null, "re-ranked, and no marks were heeded");
  assert.deepEqual(moved({ rank: 4, new: true }, false), { code: "refined.new" });
  assert.deepEqual(changes([{ rank: 1, plain_rank: 1 }, { rank: 2, plain_rank: 9 }, { rank: 3 }, { rank: 4, plain_rank: 3 }]), { fresh: 1, moved: 2 });
  assert.deepEqual([{ case: { same: 0, different: 1 } }, { case: { same: 0, different: 0 } }, { case: null }, null].map(isRefined), [true, false, false, false]);
});

test("what is new since the last look is counted over the searches after it", () => {
  const searches = [{ n: 1, new: null }, { n: 2, new: 3 }, { n: 3, new: 0 }, { n: 4, new: 2 }, { n: 5, new: 0 }];
  assert.deepEqual(unseen({ searches, looked: 0 }), { count: 5, search: searches[3], last: 5 });
  assert.deepEqual(unseen({ searches, looked: 2 }), { count: 2, search: searches[3], last: 5 });
  assert.deepEqual(unseen({ searches, looked: 5 }), { count: 0, search: undefined, last: 5 });
});

test("a search that a case keeps becomes the question that it was", () => {
  const options = { camera: "3", modality: "ir", taken_at: "2026-11-12T22:41:06+01:00", cameras: ["1", "4"], hours: "22:00-05:00 Europe/Berlin", least_score: 0.2, group_by: "track", top_k: 12, passages: "rank", visible: ["1"] };
  assert.deepEqual(questionOf({ options, like: null }), {
    ...PLAIN, camera: "3", at: "2026-11-12T21:41:06.000Z", cameras: ["1", "4"], hours: "22:00-05:00 Europe/Berlin", least: 0.2, group: "track", k: 12, passages: "rank",
  });
  assert.deepEqual(questionOf({ options: { modality: "ir" }, like: null }), { ...PLAIN, modality: "ir" });
  assert.deepEqual(questionOf({ options: { camera: "3", taken_at: "2026-11-12T22:41:06Z" }, like: "abc" }), { ...PLAIN, like: "abc" });
});

test("a stored answer is shown without hits that are gone, and keeps the ranks of the others", () => {
  const kept = { n: 2, queries: ["q"], same: 1, different: 0, new: null, ranking: [{ id: "x", rank: 1 }, null, { id: "y", rank: 3 }] };
  const answer = answerOf(kept, { id: "1", number: "26-117" });
  assert.deepEqual(answer.hits.map(({ rank }) => rank), [1, 3]);
  assert.deepEqual(answer.case, { id: "1", number: "26-117", search: 2, queries: ["q"], same: 1, different: 0, new: 0 });
});

test("what a new case lacks is said at its field", () => {
  const whole = { number: "26-117", title: "t", purpose: "p", basis: "", days: "", readers: "okafor", workers: "", approver: "" };
  const lack = (more, me = {}) => lackOfCase({ ...whole, ...more }, me, "weber")?.field ?? null;
  assert.deepEqual(
    [lack({}), lack({ number: " " }), lack({ title: "" }), lack({ purpose: "" }), lack({}, { needs_basis: true }), lack({ days: "0" }), lack({ days: "1.5" }), lack({ days: "36501" }), lack({ days: "36500" }), lack({ workers: "a, okafor" }), lack({ approver: "weber" })],
    [null, "number", "title", "purpose", "basis", "days", "days", "days", null, "workers", "approver"],
  );
  assert.deepEqual(namesOf(" a, b;a\n\nc "), ["a", "b", "c"]);
  assert.deepEqual(caseFields({ ...whole, readers: "a, b" }).readers, ["a", "b"]);
});

test("shots that the case has are named, the others are sent with their boxes", () => {
  const shots = [{ file: "new", box: [1, 2, 3, 4] }, { file: "kept", box: null, kept: { case: "1", picture: "q" } }, { file: "other", box: null, kept: { case: "2", picture: "z" } }];
  assert.deepEqual(parted(shots, "1").map((part) => part.map(({ file }) => file)), [["kept"], ["new", "other"]]);
  const form = fields({ ...PLAIN, camera: "3" }, shots, { purpose: "", case: "1", refine: true });
  assert.deepEqual([form.images, form.query, form.box, form.case, form.refine], [["new", "other"], ["q"], ["1,2,3,4", ""], "1", "true"]);
  const without = fields({ ...PLAIN, camera: "3" }, shots, { purpose: "", case: "" });
  assert.deepEqual([without.images.length, without.query, without.refine], [3, null, null]);
  assert.deepEqual(lacks({ ...PLAIN, camera: "3" }, 1, { purpose: "", purposeNeeded: true, barred: "case.waits" }), { field: "case", code: "case.waits" });
});

test("letters mark, unless a modifier says otherwise", () => {
  const press = (key, more = {}) => letterOf({ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...more });
  assert.deepEqual(["s", "U", "d", "z", "n", "x", "Enter"].map((key) => press(key)), ["same", "unsure", "different", "undo", "note", null, null]);
  assert.equal(press("s", { ctrlKey: true }), null);
});

test("a hit that was marked same is in no cluster where it must stand alone", () => {
  const hits = [0, 1, 2, 3].map((at) => ({ at, rank: at + 1, hit: { id: `h${at}` } }));
  const parts = (alone) => clustered(hits, 10, alone).map(({ hits: each }) => each.map(({ at }) => at));
  assert.deepEqual(parts(undefined), [[0, 1, 2, 3]]);
  assert.deepEqual(parts(({ at }) => at === 1), [[0, 2, 3], [1]]);
});

test("what cases hold of several sightings is joined, and holds that keep them are named", () => {
  const first = [{ number: "1", pictures: 1, near: 2, held: false }, { number: null, pictures: 0, near: 1, held: true }];
  const both = joined(first, [{ number: "1", pictures: 2, near: 1, held: true }]);
  assert.deepEqual(both, [{ number: "1", pictures: 3, near: 2, held: true }, first[1]]);
  assert.deepEqual(keeping(both).map(({ number }) => number), ["1"]);
});
