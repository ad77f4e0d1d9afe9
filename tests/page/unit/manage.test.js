import assert from "node:assert/strict";
import { test } from "node:test";

import { isSynthetic, marked, measuredIn, measuredOf, needsTyping, points, protocolParts } from "../../../server/rgbir/server/page/manage/cards.js";
import { auditPath, filtersOf, hitsOf, linesOf, subject } from "../../../server/rgbir/server/page/manage/entries.js";
import { drift, facts, samples, total } from "../../../server/rgbir/server/page/manage/health.js";
import { keyFields, lackOfKey, like, mostDays } from "../../../server/rgbir/server/page/manage/keychoice.js";
import { manageParts } from "../../../server/rgbir/server/page/manage/parts.js";
import { moved, savesOf, walksGone } from "../../../server/rgbir/server/page/manage/positions.js";
import { draftOf, edit, lackOf, passagesOf, stayAt } from "../../../server/rgbir/server/page/manage/stays.js";
import { partsFor } from "../../../server/rgbir/server/page/shell/views.js";

const NOW = new Date("2026-11-26T12:00:00Z");
const CAMERA = {
  id: "yard", modalities: ["ir"], place: "hall", scene: "outdoor", sightings: 4,
  places: [{ place: "yard", since: null, position: [1, 2] }, { place: "hall", since: "2026-05-01T00:00:00Z", position: null }, { place: "roof", since: "2027-01-01T00:00:00Z", position: [5, 5] }],
};

test("each role sees its parts", () => {
  const rights = {
    search: ["search", "look", "monitor"], enrol: ["enrol", "look", "monitor"], export: ["export"], monitor: ["monitor"],
    admin: ["search", "enrol", "export", "look", "monitor", "erase", "keys", "administer"], some: ["search", "look"],
  };
  const seen = Object.fromEntries(Object.entries(rights).map(([role, list]) => [role, manageParts(list).map((part) => part.name)]));
  assert.deepEqual(seen, {
    search: ["cameras", "evaluation", "system"], enrol: ["system"], export: [], monitor: ["system"],
    admin: ["cameras", "models", "evaluation", "audit", "keys", "system"], some: ["cameras", "evaluation", "system"],
  });
  const parts = (list) => partsFor(list).map((part) => part.path);
  assert.ok(parts(rights.enrol).includes("/enrol") && !parts(rights.search).includes("/enrol"));
  assert.ok(parts(rights.monitor).includes("/manage") && !parts(rights.export).includes("/manage"));
});

test("a camera is where its last stay before now is", () => {
  assert.equal(stayAt(CAMERA, NOW).place, "hall");
  assert.equal(stayAt(CAMERA, new Date("2026-04-01T00:00:00Z")).place, "yard");
  assert.equal(stayAt(CAMERA, new Date("2027-02-01T00:00:00Z")).place, "roof");
  assert.equal(stayAt({ id: "x", place: "here", modalities: [], sightings: 0 }, NOW).place, "here");
});

test("only what was changed of a camera is sent", () => {
  const draft = draftOf(CAMERA, NOW);
  const none = { modalities: null, place: null, since: null, position: null, scene: null, name: null, recording: null, zones: null, aliases: [] };
  assert.deepEqual(edit(draft, CAMERA, NOW), none);
  assert.equal(lackOf(draft, CAMERA, NOW)?.code, "camera.need.change");
  assert.deepEqual(edit({ ...draft, id: "yard 2" }, CAMERA, NOW), { ...none, name: "yard 2" });
  assert.deepEqual(edit({ ...draft, place: "gate", since: "2026-11-01T00:00:00Z" }, CAMERA, NOW), { ...none, place: "gate", since: "2026-11-01T00:00:00Z" });
  const placed = { ...CAMERA, places: [{ place: "hall", since: null, position: [1, 2] }] };
  assert.deepEqual(edit({ ...draftOf(placed, NOW), place: "gate" }, placed, NOW), { ...none, place: "gate" }, "the old place's position doesn't move along");
  assert.deepEqual(edit({ ...draft, recording: " https://vms/{seconds} " }, CAMERA, NOW), { ...none, recording: "https://vms/{seconds}" });
  const kept = { ...CAMERA, recording: "https://vms/1" };
  assert.deepEqual(edit({ ...draftOf(kept, NOW), recording: "" }, kept, NOW), { ...none, recording: "none" });
  assert.deepEqual(edit({ ...draft, zones: " 0,0 0.3,0 0.3,0.4 " }, CAMERA, NOW), { ...none, zones: "0,0 0.3,0 0.3,0.4" });
  const masked = { ...CAMERA, zones: "0,0 0.3,0 0.3,0.4" };
  assert.deepEqual(edit({ ...draftOf(masked, NOW), zones: "" }, masked, NOW), { ...none, zones: "none" });
  assert.deepEqual(edit({ ...draft, x: "3", y: "4.5" }, CAMERA, NOW), { ...none, place: "hall", position: "3,4.5" });
  assert.deepEqual(edit({ ...draftOf(null, NOW), id: "new", place: "hall", aliases: "a, ,b" }, null, NOW), { ...none, modalities: ["rgb"], place: "hall", scene: "", aliases: ["a", "b"] });
});

const at = (id, ...places) => ({ id, modalities: ["rgb"], sightings: 0, place: places.at(-1).place, places });

test("cameras of a place that is moved keep their distances, and one without a position gets the place's", () => {
  const cameras = [at("1", { place: "Lobby", position: [10, 20] }), at("2", { place: "Lobby", position: [14, 20] }), at("3", { place: "Lobby" }), at("4", { place: "Yard", position: [1, 1] })];
  const { saves, later } = savesOf(cameras, new Map([["Lobby", [22, 50]]]), NOW);
  assert.deepEqual(saves.map(({ camera, from, to, fields }) => [camera, from, to, fields]), [
    ["1", [10, 20], [20, 50], { position: "20,50" }], ["2", [14, 20], [24, 50], { position: "24,50" }], ["3", null, [22, 50], { position: "22,50" }],
  ]);
  assert.deepEqual(later, []);
  assert.deepEqual(moved([{ place: "Lobby", position: null }, { place: "Yard", position: [1, 1] }], new Map([["Lobby", [3, 4]]])).map(({ position }) => position), [[3, 4], [1, 1]]);
});

test("a camera that moves later is moved where it is now, if that can be told apart", () => {
  const since = "2026-05-01T00:00:00Z";
  const later = { place: "Roof", since: "2027-01-01T00:00:00Z", position: [9, 9] };
  const cameras = [at("1", { place: "Yard" }, { place: "Hall", since, position: [1, 2] }, later), at("2", { place: "Hall", since: null, position: [1, 2] }, later)];
  const told = savesOf(cameras, new Map([["Hall", [3, 3]]]), NOW);
  assert.deepEqual(told.saves.map(({ camera, fields }) => [camera, fields]), [["1", { position: "3,3", place: "Hall", since }]]);
  assert.deepEqual(told.later, ["2"]);
});

test("walks to a place that no other camera has or had go with a camera", () => {
  const passages = [{ origin: "Lobby", destination: "Yard" }, { origin: "Yard", destination: "Roof" }, { origin: "Roof", destination: "Lobby" }];
  const network = { cameras: [at("1", { place: "Lobby" }), at("2", { place: "Roof" }, { place: "Yard", since: NOW.toISOString() }), at("3", { place: "Yard" })], passages };
  assert.deepEqual(walksGone(network, network.cameras[0]), [passages[0], passages[2]]);
  assert.deepEqual(walksGone(network, network.cameras[2]), [], "another was or is at the same places");
});

test("what a camera lacks is named by its field", () => {
  const draft = { ...draftOf(null, NOW), id: "new", place: "hall" };
  assert.equal(lackOf(draft, null, NOW), null);
  assert.equal(lackOf({ ...draft, id: " " }, null, NOW)?.field, "id");
  assert.equal(lackOf({ ...draft, modalities: [] }, null, NOW)?.field, "rgb");
  assert.equal(lackOf({ ...draft, place: "" }, null, NOW)?.field, "place");
  assert.equal(lackOf({ ...draft, x: "1" }, null, NOW)?.field, "x");
  assert.equal(lackOf({ ...draft, x: "1", y: "two" }, null, NOW)?.field, "x");
  assert.deepEqual(passagesOf([{ origin: "a", destination: "b" }, { origin: "c", destination: "a" }, { origin: "b", destination: "c" }], "a").length, 2);
});

test("a card's ranks are a curve in their order, its other numbers are figures", () => {
  const [measured] = measuredOf({ "sysu, all-search, people": { data: "people", command: "rgbir evaluate", rank_10: 0.9, rank_1: 0.5, mAP: 0.4, mINP: 0.3 } });
  assert.deepEqual(measured.ranks, [{ rank: 1, share: 0.5 }, { rank: 10, share: 0.9 }]);
  assert.deepEqual(measured.figures, [{ name: "mAP", share: 0.4 }, { name: "mINP", share: 0.3 }]);
  assert.deepEqual(protocolParts(measured.name), ["sysu", "all-search", "people"]);
  assert.deepEqual(measuredOf({}), []);
  const [mean] = measuredOf({ "sysu, drawing 1": { rank_1: 0.5, mAP: 0.4, spread: { rank_1: 0.04, mAP: 0.03 } } });
  assert.deepEqual(mean.ranks, [{ rank: 1, share: 0.5, spread: 0.04 }]);
  assert.deepEqual(mean.figures, [{ name: "mAP", share: 0.4, spread: 0.03 }]);
});

test("the curve's points lie where their rank and share say", () => {
  const room = { width: 100, height: 100, left: 10, bottom: 20, top: 0, right: 10 };
  const drawn = points([{ rank: 1, share: 0 }, { rank: 10, share: 0.5 }, { rank: 100, share: 1 }], room);
  assert.deepEqual(drawn.map(({ x, y }) => [Math.round(x), Math.round(y)]), [[10, 80], [50, 40], [90, 0]]);
});

test("a saved report is its whole curve, of which some ranks are named, and its figures", () => {
  const curve = Array.from({ length: 50 }, (_, place) => (place + 1) / 50);
  const measured = measuredIn({ name: "a.json", about: { data: "yard" }, curve, mean_ap: 0.4, mean_inp: 0.3 });
  assert.deepEqual([measured.name, measured.data, measured.ranks.length, measured.ranks[9]], ["a.json", "yard", 50, { rank: 10, share: 0.2 }]);
  assert.deepEqual(marked(measured.ranks).map(({ rank }) => rank), [1, 5, 10, 20, 50]);
  const few = [1, 3, 7].map((rank) => ({ rank }));
  assert.deepEqual(marked(few), few);
  assert.deepEqual(measured.figures, [{ name: "mAP", share: 0.4 }, { name: "mINP", share: 0.3 }]);
});

test("synthetic people are said, and a name is typed where overlap is below four fifths or unknown", () => {
  assert.ok(isSynthetic({ training_data: "synthetic_people" }) && isSynthetic({ note: "Synthetic people only" }));
  assert.ok(!isSynthetic({ training_data: "sysu_mm01", note: "" }));
  assert.deepEqual([0.79, 0.8, 1, null, undefined].map((overlap) => needsTyping({ overlap })), [true, false, false, true, true]);
});

test("the log's filters are in the address and in the request", () => {
  assert.equal(auditPath(new URLSearchParams(), 100), "audit?after=0&limit=100");
  assert.equal(auditPath(new URLSearchParams({ case: "26-117 & more", after: "200" }), 100), "audit?after=200&limit=100&case=26-117+%26+more");
  assert.equal(auditPath(new URLSearchParams({ after: "-3" }), 5), "audit?after=0&limit=5");
  const all = { who: "a&b", action: "enrol archive", since: "2026-11-12T21:00:00.000Z", until: "2026-11-13T21:00:00.000Z" };
  assert.deepEqual(filtersOf(new URLSearchParams({ ...all, other: "x", case: "" })), all);
  assert.equal(auditPath(new URLSearchParams(all), 5), "audit?after=0&limit=5&who=a%26b&action=enrol+archive&since=2026-11-12T21%3A00%3A00.000Z&until=2026-11-13T21%3A00%3A00.000Z");
  assert.deepEqual(filtersOf(new URLSearchParams({ since: "yesterday" })), {}, "no moment");
});

test("an entry is told with its subject and its hits, and exported as it came", () => {
  const search = { n: 1, action: "search", query: { sha256: ["ab"] }, options: { cameras: ["1", "2"], top_k: 5 }, hits: [["a", "b"], ["c"]] };
  assert.equal(subject(search), "cameras 1, 2; top_k 5");
  assert.equal(hitsOf(search), 3);
  assert.equal(subject({ action: "activate model", model: "new", before: "old" }), "old → new");
  assert.equal(hitsOf({ action: "erased", removed: 0 }), 0);
  assert.equal(hitsOf({ action: "look" }), null);
  assert.deepEqual(linesOf([search, { n: 2 }]).trim().split("\n").map((line) => JSON.parse(line)), [search, { n: 2 }]);
});

const METRICS = String.raw`# HELP rgbir_sightings Sightings by camera
rgbir_sightings{camera="1"} 40.0
rgbir_sightings{camera="a \"b\" \\ c\nd"} 2.0
rgbir_build_info{version="0.1.0"} 1.0
rgbir_model_refused_total{modality="ir"} 3.0
process_start_time_seconds 1.7e+09
rgbir_tls_certificate_expires_timestamp_seconds 1.7e+09
rgbir_best_score_bucket{hit="4",le="0.5",query="3"} 1.0
rgbir_best_score_count{hit="4",query="3"} 4.0
rgbir_best_score_sum{hit="4",query="3"} 2.4`;

test("metrics are read with their labels, and what is bad says what to do", () => {
  const list = samples(METRICS);
  assert.equal(list[1].labels.camera, 'a "b" \\ c\nd');
  assert.equal(total(list, "rgbir_sightings"), 42);
  assert.equal(total(list, "nothing"), null);
  const all = Object.fromEntries(facts({ status: "unavailable", detail: "full" }, list, null, NOW).map((fact) => [fact.name, fact]));
  assert.deepEqual([all.ready.bad, all.detail.value, all.refused.bad, all.certificate.bad, all.sightings.value], ["system.bad.ready", "full", "system.bad.refused", "system.bad.certificate", 42]);
  assert.ok(!("memory" in all), "what isn't known is left out");
  assert.deepEqual(drift(list), [{ query: "3", hit: "4", searches: 4, mean: 0.6 }]);
  assert.deepEqual(facts(null, [], null, NOW), []);
});

test("a new key is never wider or longer-lived than one's own", () => {
  const draft = { name: "desk", role: "search", cameras: [], days: "90" };
  assert.equal(mostDays({ ends_at: "2026-12-06T13:00:00Z" }, NOW), 10);
  assert.equal(mostDays({}, NOW), 36_500);
  assert.equal(lackOfKey(draft, {}, NOW), null);
  assert.equal(lackOfKey({ ...draft, days: "" }, {}, NOW), null);
  assert.equal(lackOfKey({ ...draft, days: "11" }, { ends_at: "2026-12-06T13:00:00Z" }, NOW)?.field, "days");
  assert.equal(lackOfKey({ ...draft, days: "" }, { ends_at: "2026-12-06T13:00:00Z" }, NOW)?.field, "days");
  assert.equal(lackOfKey({ ...draft, days: "1.5" }, {}, NOW)?.field, "days");
  assert.equal(lackOfKey(draft, { cameras: ["1"] }, NOW)?.field, "cameras");
  assert.equal(lackOfKey({ ...draft, name: " " }, {}, NOW)?.field, "name");
  assert.deepEqual(keyFields({ ...draft, name: " desk ", days: "" }), { name: "desk", role: "search", cameras: [], days: "" });
});

test("a key that takes another's place is like it, has a free name, and outlives neither its span nor one's own key", () => {
  const key = { name: "desk", role: "enrol", cameras: ["1"], made_at: "2026-11-01T00:00:00Z", ends_at: "2026-12-01T00:00:00Z" };
  assert.deepEqual(like(key, ["desk"], {}, NOW), { name: "desk 2", role: "enrol", cameras: ["1"], days: "30" });
  assert.equal(like(key, ["desk", "desk 2", "desk 3"], {}, NOW).name, "desk 4");
  assert.equal(like({ ...key, name: "gate 9" }, [], {}, NOW).name, "gate 10");
  assert.equal(like(key, [], { ends_at: "2026-12-06T13:00:00Z" }, NOW).days, "10");
  assert.deepEqual(like({ ...key, cameras: null, ends_at: null }, [], {}, NOW), { name: "desk 2", role: "enrol", cameras: [], days: "" });
  assert.equal(like({ ...key, ends_at: null }, [], { ends_at: "2026-12-06T13:00:00Z" }, NOW).days, "10");
});
