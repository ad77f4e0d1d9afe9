import assert from "node:assert/strict";
import { test } from "node:test";

import { erase, tried } from "../../../server/rgbir/server/page/gallery/erasing.js";
import { ALL, asked, fromAddress, setOnes, toAddress } from "../../../server/rgbir/server/page/gallery/filters.js";
import { extent, heat, levelOf, midnight, silences, unitOf, windowOf } from "../../../server/rgbir/server/page/gallery/heat.js";
import { NOTHING, among, ranged, toggled } from "../../../server/rgbir/server/page/gallery/select.js";

const ids = (chosen) => [...chosen.ids].sort().join("");
const ORDER = [..."abcdefgh"];

test("a click takes in and out, Shift takes all between, and a range that comes back leaves what it leaves", () => {
  let chosen = toggled(toggled(NOTHING, "a"), "c");
  assert.equal(ids(chosen), "ac");
  chosen = ranged(chosen, ORDER, "f");
  assert.equal(ids(chosen), "acdef");
  chosen = ranged(chosen, ORDER, "d");
  assert.equal(ids(chosen), "acd");
  chosen = ranged(chosen, ORDER, "b");
  assert.equal(ids(chosen), "abc");
  assert.equal(ids(toggled(chosen, "b")), "ac");
  assert.equal(ids(ranged(NOTHING, ORDER, "c", "b")), "bc");
});

test("what isn't there any more isn't selected", () => {
  const chosen = toggled(toggled(NOTHING, "a"), "c");
  assert.equal(ids(among(chosen, ["c", "d"])), "c");
  assert.equal(among(chosen, ORDER), chosen);
});

test("filters live in the address; what isn't a value of its kind is left out", () => {
  const filters = { ...ALL, cameras: ["3", "a b"], since: "2026-11-12T21:00:00.000Z", track: "t&1", identity: "7", order: "oldest" };
  assert.deepEqual(fromAddress(toAddress(filters)), filters);
  assert.equal(toAddress(ALL).toString(), "");
  assert.deepEqual(fromAddress(new URLSearchParams("identity=-1&since=yesterday&order=x&camera=")), ALL);
  assert.deepEqual([...asked(filters, "next").entries()].map(([name]) => name), ["cameras", "cameras", "since", "track", "identity", "order", "limit", "cursor"]);
  assert.deepEqual(setOnes(filters).map(({ name }) => name), ["cameras", "dates", "track", "identity"]);
});

const counted = [
  { camera: "1", untimed: 2, buckets: [{ at: "2026-10-30", sightings: 4 }, { at: "2026-11-02", sightings: 10 }] },
  { camera: "2", untimed: 0, buckets: [{ at: "2026-10-30", sightings: 1 }, { at: "2026-10-31", sightings: 3 }, { at: "2026-11-01", sightings: 5 }, { at: "2026-11-02", sightings: 1 }] },
];

test("a strip has every day from the first to the last, and totals that add up", () => {
  const drawn = heat(counted, "day", ["2", "1", "3"]);
  assert.deepEqual(drawn.columns, ["2026-10-30", "2026-10-31", "2026-11-01", "2026-11-02"]);
  assert.deepEqual(drawn.rows.map(({ camera, cells }) => [camera, ...cells]), [["2", 1, 3, 5, 1], ["1", 4, 0, 0, 10], ["3", 0, 0, 0, 0]]);
  assert.deepEqual([drawn.timed, drawn.untimed, drawn.most], [24, 2, 10]);
  assert.deepEqual(heat(counted, "month", ["1", "2"]).rows.map(({ cells }) => cells), [[4, 10], [4, 6]]);
  assert.deepEqual(heat([], "day", ["1"]).columns, []);
});

test("days are hours while they are few, and months once they are many", () => {
  assert.deepEqual([1, 3, 4, 62, 63].map(unitOf), ["hour", "hour", "day", "day", "month"]);
  assert.deepEqual(extent(counted), { first: "2026-10-30", last: "2026-11-02", days: 4 });
  assert.equal(extent([{ camera: "1", untimed: 3, buckets: [] }]), null);
});

test("an hour that the clocks show twice is two columns", () => {
  const buckets = ["2026-10-25T01:00:00+02:00", "2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"].map((at, place) => ({ at, sightings: place + 1 }));
  assert.deepEqual(heat([{ camera: "1", untimed: 0, buckets }], "hour", ["1"]).rows[0].cells, [1, 2, 3, 4]);
});

test("a camera is silent where others saw somebody; one that never saw anybody isn't a gap", () => {
  assert.deepEqual(silences(heat(counted, "day", ["1", "2", "3"])), [{ camera: "1", from: 1, to: 2 }]);
  assert.deepEqual(silences(heat([counted[0]], "day", ["1"])), [], "nobody else was there to tell silence from emptiness");
});

test("the most is darkest, one sighting is seen, and none is dashed", () => {
  assert.deepEqual([0, 1, 20, 21, 99, 100].map((count) => levelOf(count, 100)), [0, 1, 1, 2, 5, 5]);
  assert.equal(levelOf(1, 1e6), 1);
});

test("a column is from when to when on the reader's clocks", () => {
  assert.deepEqual(windowOf("2026-10-25", "day", "Europe/Berlin"), { since: "2026-10-24T22:00:00.000Z", until: "2026-10-25T23:00:00.000Z" });
  assert.deepEqual(windowOf("2026-12", "month", "Europe/Berlin"), { since: "2026-11-30T23:00:00.000Z", until: "2026-12-31T23:00:00.000Z" });
  assert.deepEqual(windowOf("2026-11-12T21:00:00.000Z", "hour", "Europe/Berlin"), { since: "2026-11-12T21:00:00.000Z", until: "2026-11-12T22:00:00.000Z" });
  assert.equal(midnight("2026-03-29", "Asia/Beirut"), "2026-03-28T22:00:00.000Z", "their clocks leave that midnight out");
});

/** A server that holds some sightings, and what it was asked. */
function serverWith(there) {
  const asked = [];
  globalThis.sessionStorage = { getItem: () => null };
  globalThis.fetch = async (path) => {
    const params = new URL(path, "http://here/").searchParams;
    const ids = params.getAll("sighting");
    const dry = params.get("dry_run") === "true";
    const known = ids.filter((id) => there.has(id));
    asked.push([ids.length, dry]);
    if (!dry) for (const id of known) there.delete(id);
    const body = { removed: known.length, unknown: ids.filter((id) => !known.includes(id)), backups: [{ name: "b", made_at: "" }], others: { old: known.length }, archives: ["job"], unreached: dry ? [] : ["old"] };
    return new Response(JSON.stringify(body));
  };
  return asked;
}

test("what is selected is counted and erased in as few requests as there can be, and what is gone isn't counted", async () => {
  const ids = Array.from({ length: 450 }, (_, place) => `s${place}`);
  const asked = serverWith(new Set(ids.slice(1)));
  const affected = await tried(ids);
  assert.deepEqual([affected.ids.length, affected.backups.length, affected.others, affected.archives], [449, 1, { old: 449 }, ["job"]]);
  const signal = new AbortController().signal;
  const steps = [];
  assert.deepEqual(await erase(ids, 449, (done, total) => steps.push([done, total]), signal), { removed: 449, unreached: ["old"] });
  assert.deepEqual(steps, [[0, 449], [200, 449], [400, 449]]);
  assert.deepEqual(asked, [[200, true], [200, true], [50, true], [200, true], [200, true], [50, true], [200, false], [200, false], [49, false]]);
});

test("nothing is erased where another number is there than was confirmed", async () => {
  const there = new Set(["a", "b"]);
  serverWith(there);
  const { changed } = await erase(["a", "b", "c"], 3, () => {}, new AbortController().signal);
  assert.deepEqual([changed.ids, there.size], [["a", "b"], 2]);
});
