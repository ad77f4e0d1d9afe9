import assert from "node:assert/strict";
import { test } from "node:test";

import { unwalkable, walkOf } from "../../../server/rgbir/server/page/answer/walks.js";
import { bars, clustered, daily } from "../../../server/rgbir/server/page/timeline/clusters.js";
import { drawnBars, hoursFit, overviewOf, placed, thumbed } from "../../../server/rgbir/server/page/timeline/counts.js";
import { dayStart, monthStart, nightOf, shownAt, weekStart } from "../../../server/rgbir/server/page/timeline/days.js";
import { lanesOf, led, shades, timed } from "../../../server/rgbir/server/page/timeline/lanes.js";
import { STEPS, stepOf, ticks } from "../../../server/rgbir/server/page/timeline/ticks.js";
import * as windows from "../../../server/rgbir/server/page/timeline/windows.js";

const BERLIN = "Europe/Berlin";
const at = (text) => Date.parse(text);
const iso = (moment) => new Date(moment).toISOString().replace(".000Z", "Z");
const span = (from, to) => ({ from: at(from), to: at(to) });
const spanText = ({ from, to }) => `${iso(from)}/${iso(to)}`;
const hit = (rank, time, camera = "1") => ({ id: `h${rank}`, rank, camera, taken_at: time });
const MINUTE = 60000;

test("days, weeks, months and nights are the zone's own, 25 hours long where the clocks go back", () => {
  assert.equal(iso(dayStart(at("2026-10-25T12:00:00Z"), BERLIN)), "2026-10-24T22:00:00Z");
  assert.equal(iso(dayStart(at("2026-10-25T12:00:00Z"), BERLIN, 1)), "2026-10-25T23:00:00Z");
  assert.equal(iso(weekStart(at("2026-10-25T22:59:59Z"), BERLIN)), "2026-10-18T22:00:00Z", "that Sunday's Monday");
  assert.equal(iso(weekStart(at("2026-10-25T23:00:00Z"), BERLIN)), "2026-10-25T23:00:00Z", "a Monday is its own");
  assert.equal(iso(monthStart(at("2026-10-25T12:00:00Z"), BERLIN, 1)), "2026-10-31T23:00:00Z");
  assert.equal(spanText(nightOf(at("2026-10-25T03:00:00Z"), BERLIN)), "2026-10-24T16:00:00Z/2026-10-25T07:00:00Z", "15 hours");
  assert.equal(spanText(nightOf(at("2026-11-12T12:30:00Z"), BERLIN)), "2026-11-12T17:00:00Z/2026-11-13T07:00:00Z", "half past one: the night to come");
  assert.equal(spanText(nightOf(at("2026-11-12T11:30:00Z"), BERLIN)), "2026-11-11T17:00:00Z/2026-11-12T07:00:00Z", "half past twelve: the night before");
});

test("a day begins late where midnight is leapt over", () => {
  // Egypt's clocks went from 23:59:59 to 01:00 on 26 April 2024.
  assert.equal(iso(dayStart(at("2024-04-26T09:00:00Z"), "Africa/Cairo")), "2024-04-25T22:00:00Z");
});

test("clocks may change on any minute", () => {
  // Newfoundland's went from 00:01 to 01:01 on 14 March 2010, at 03:31 UTC.
  assert.equal(iso(shownAt(at("2010-03-14T03:30:59Z"), "America/St_Johns")), "2010-03-14T00:00:59Z");
  assert.equal(iso(shownAt(at("2010-03-14T03:31:00Z"), "America/St_Johns")), "2010-03-14T01:01:00Z");
});

test("a tick's distance is the first that leaves 64 pixels", () => {
  const minutes = (window, width) => stepOf((window * MINUTE) / width).ms / MINUTE;
  assert.equal(minutes(10, 640), 1);
  assert.equal(minutes(10, 639), 5);
  assert.equal(minutes(180, 860), 15, "3 hours at 860 pixels: 15 minutes are 71.7");
  assert.equal(minutes(24 * 60, 860), 120 + 60, "a day: 3 hours are 107.5 pixels, 1 hour 35.8");
  assert.equal(stepOf((7 * 24 * 60 * MINUTE) / 860).unit, "day");
  assert.equal(stepOf((30 * 24 * 60 * MINUTE) / 860).unit, "week");
  assert.deepEqual([stepOf((300 * 24 * 60 * MINUTE) / 860)].map(({ unit, count }) => [unit, count]), [["month", 1]]);
});

const stepBy = (minutes) => STEPS.find((step) => step.unit === "time" && step.ms === minutes * MINUTE);
const times = (window, minutes, zone = BERLIN) => ticks(window, stepBy(minutes), zone).map((tick) => iso(tick.at).slice(5, 16) + (tick.day ? " day" : "") + (tick.twice ? " twice" : ""));

test("in the autumn night the hour that comes twice has its ticks twice, in real time", () => {
  assert.deepEqual(times(span("2026-10-24T23:30:00Z", "2026-10-25T02:00:00Z"), 30), [
    "10-24T23:30", "10-25T00:00 twice", "10-25T00:30 twice", "10-25T01:00 twice", "10-25T01:30 twice", "10-25T02:00",
  ]);
  assert.deepEqual(times(span("2026-10-24T23:30:00Z", "2026-10-25T02:00:00Z"), 60), ["10-25T00:00 twice", "10-25T01:00 twice", "10-25T02:00"]);
  // 21:00, midnight, 3 and 6 o'clock: from midnight to 3 it is four hours.
  assert.deepEqual(times(span("2026-10-24T18:30:00Z", "2026-10-25T05:30:00Z"), 180), ["10-24T19:00", "10-24T22:00 day", "10-25T02:00", "10-25T05:00"]);
});

test("in the spring night two o'clock is left out", () => {
  assert.deepEqual(times(span("2026-03-28T23:00:00Z", "2026-03-29T02:00:00Z"), 60), ["03-28T23:00 day", "03-29T00:00", "03-29T01:00", "03-29T02:00"]);
  assert.deepEqual(times(span("2026-03-28T23:30:00Z", "2026-03-29T05:00:00Z"), 180), ["03-29T01:00", "03-29T04:00"], "3 and 6 o'clock");
});

test("ticks are on the zone's hours where those are half of ours", () => {
  assert.deepEqual(times(span("2026-11-12T17:00:00Z", "2026-11-12T19:10:00Z"), 60, "Asia/Kolkata"), ["11-12T17:30", "11-12T18:30 day"]);
  assert.deepEqual(times(span("2026-11-12T17:58:00Z", "2026-11-12T18:20:00Z"), 10, "Asia/Kathmandu"), ["11-12T18:05", "11-12T18:15 day"]);
});

test("days, weeks and months begin where the calendar says", () => {
  const dates = (unit, count, window) => ticks(window, STEPS.find((step) => step.unit === unit && step.count === count), BERLIN).map((tick) => iso(tick.at).slice(0, 13));
  assert.deepEqual(dates("day", 1, span("2026-10-24T00:00:00Z", "2026-10-26T23:30:00Z")), ["2026-10-24T22", "2026-10-25T23", "2026-10-26T23"]);
  assert.deepEqual(dates("week", 1, span("2026-10-20T00:00:00Z", "2026-11-03T00:00:00Z")), ["2026-10-25T23", "2026-11-01T23"]);
  assert.deepEqual(dates("month", 3, span("2026-02-10T00:00:00Z", "2026-11-03T00:00:00Z")), ["2026-03-31T22", "2026-06-30T22", "2026-09-30T22"], "quarters");
});

test("one begins with the query and the ten best hits, at most a week", () => {
  const hits = [[1, "2026-11-12T22:00:00Z"], [2, "2026-11-12T20:00:00Z"], [3, "2026-10-01T00:00:00Z"]].map(([rank, time]) => ({ rank, at: at(time) }));
  // 20:00 to 22:00 with a twentieth on both sides; the hit of October would make it longer than a week.
  assert.equal(spanText(windows.beginning(at("2026-11-12T21:41:00Z"), hits)), "2026-11-12T19:54:00Z/2026-11-12T22:06:00Z");
  assert.equal(spanText(windows.beginning(null, [{ rank: 1, at: at("2026-11-12T22:00:00Z") }])), "2026-11-12T21:59:30Z/2026-11-12T22:00:30Z");
  assert.equal(windows.beginning(null, []), null);
  const eleven = Array.from({ length: 11 }, (_, place) => ({ rank: place + 1, at: place * 10 * MINUTE }));
  assert.equal(windows.beginning(null, eleven).to, 90 * MINUTE * 1.05, "the eleventh isn't among them");
  const week = windows.beginning(0, [{ rank: 1, at: 7 * 24 * 60 * MINUTE }]);
  assert.equal(week.to - week.from, 7 * 24 * 60 * MINUTE, "no margin beyond a week");
});

test("scales are windows around a moment, and a window knows its scale", () => {
  const all = span("2026-10-01T00:00:00Z", "2026-11-20T00:00:00Z");
  const about = at("2026-10-25T03:00:00Z");
  const expected = {
    "10min": "2026-10-25T02:55:00Z/2026-10-25T03:05:00Z",
    "3h": "2026-10-25T01:30:00Z/2026-10-25T04:30:00Z",
    night: "2026-10-24T16:00:00Z/2026-10-25T07:00:00Z",
    day: "2026-10-24T22:00:00Z/2026-10-25T23:00:00Z",
    week: "2026-10-18T22:00:00Z/2026-10-25T23:00:00Z",
    all: spanText(all),
  };
  for (const [scale, text] of Object.entries(expected)) {
    const window = windows.scaled(scale, about, BERLIN, all);
    assert.equal(spanText(window), text, scale);
    assert.equal(windows.scaleOf(window, BERLIN, all), scale);
  }
  assert.equal(windows.scaleOf(span("2026-10-25T00:00:00Z", "2026-10-25T00:42:00Z"), BERLIN, all), undefined);
  assert.ok(windows.isLong(windows.scaled("week", at("2026-03-25T00:00:00Z"), BERLIN, all)), "a week of 167 hours is one");
  assert.ok(!windows.isLong(windows.scaled("day", about, BERLIN, all)));
});

test("a window zooms around a moment, pans, and comes to what it has to show", () => {
  assert.deepEqual(windows.zoomed({ from: 0, to: 100000 }, 0.5, 25000), { from: 12500, to: 62500 });
  assert.equal(windows.zoomed({ from: 0, to: 12000 }, 0.1, 6000).to, 11000, "10 s at least");
  assert.deepEqual(windows.panned({ from: 0, to: 100 }, -0.25), { from: -25, to: 75 });
  assert.deepEqual(windows.centred({ from: 0, to: 100 }, 200), { from: 150, to: 250 });
  assert.deepEqual(windows.showing({ from: 0, to: 100 }, 50), { from: 0, to: 100 });
  assert.deepEqual(windows.showing({ from: 0, to: 100 }, 200), { from: 105, to: 205 });
  assert.deepEqual(windows.showing({ from: 0, to: 100 }, -20), { from: -25, to: 75 });
});

test("the address keeps a window, and what is none isn't one", () => {
  const window = span("2026-11-12T20:15:00Z", "2026-11-12T23:15:00Z");
  const { from, to } = windows.toText(window);
  assert.deepEqual(windows.fromText(from, to), window);
  for (const [one, other] of [[null, null], [from, "x"], [to, from], [from, from]]) assert.equal(windows.fromText(one, other), null);
});

const network = {
  cameras: [["1", "Lobby"], ["2", "Ward"], ["3", "Ward"], ["4", "Gate"], ["5", "Garden"], ["6", "Yard"], ["7", "Attic"]].map(([id, place]) => ({ id, place, places: [{ place }] })),
  passages: [{ origin: "Ward", destination: "Gate", soonest_s: 540 }, { origin: "Lobby", destination: "Ward", soonest_s: 240 }, { origin: "Ward", destination: "Garden", soonest_s: 360, latest_s: 2700 }],
};

test("lanes come in walking order from the query's place, those that nobody knows last", () => {
  const answer = { query: { camera: "3", place: "Ward" }, searched_cameras: ["7", "6", "5", "4", "1"], hits: [hit(1, null, "6"), hit(2, "2026-11-12T22:00:00Z", "5"), hit(3, "2026-11-12T21:00:00Z", "5")] };
  const lanes = lanesOf(answer, network, null);
  assert.deepEqual(lanes.map((lane) => lane.place), ["Ward", "Lobby", "Garden", "Gate", "Yard", "Attic"]);
  assert.deepEqual([lanes[0].own, lanes[0].cameras, lanes[0].walk], [true, ["2", "3"], null]);
  assert.deepEqual([lanes[2].count, lanes[2].hits.map((each) => each.rank), lanes[2].walk], [2, [3, 2], { soonest: 360, latest: 2700 }]);
  assert.deepEqual([lanes[4].count, lanes[4].hits], [1, []], "a hit without time is counted and not drawn");
  assert.deepEqual(lanesOf({ ...answer, query: { camera: null } }, network, null).map((lane) => lane.own), [false, false, false, false, false]);
});

test("a hit is in the lane of the place that its camera had then", () => {
  const moved = { cameras: [{ id: "1", place: "Hall", places: [{ place: "Lobby" }, { place: "Hall", since: "2026-11-12T12:00:00Z" }] }], passages: [] };
  const answer = { query: {}, searched_cameras: ["1"], hits: [hit(1, "2026-11-12T11:59:59Z"), hit(2, "2026-11-12T12:00:00Z")] };
  assert.deepEqual(lanesOf(answer, moved, null).map((lane) => [lane.place, lane.hits.map((each) => each.rank)]), [["Lobby", [1]], ["Hall", [2]]]);
});

test("what can be walked is shaded on both sides of the query's moment, within the window", () => {
  const about = at("2026-11-12T21:41:00Z");
  const window = span("2026-11-12T20:41:00Z", "2026-11-12T22:41:00Z");
  const drawn = (walk) => shades(walk, about, window).map(({ kind, from, to }) => [kind, (from - about) / MINUTE, (to - about) / MINUTE]);
  assert.deepEqual(drawn({ soonest: 360, latest: 2700 }), [["beyond", -60, -45], ["walk", -45, -6], ["never", -6, 6], ["walk", 6, 45], ["beyond", 45, 60]]);
  assert.deepEqual(drawn({ soonest: 240, latest: null }), [["walk", -60, -4], ["never", -4, 4], ["walk", 4, 60]]);
  assert.deepEqual(drawn({ soonest: 7200, latest: null }), [["never", -60, 60]]);
  assert.deepEqual(drawn(null), []);
  assert.deepEqual(shades({ soonest: 1, latest: null }, null, window), []);
  const walk = walkOf(network, "Ward", "Garden");
  assert.deepEqual([5, 6, 45, 46].map((minutes) => unwalkable(walk, about, about - minutes * MINUTE)), [true, false, false, true]);
  assert.equal(walkOf(network, "Lobby", "Gate"), null);
});

test("a hit joins a cluster when it comes before the reach of its first ends, and the best one stands for all", () => {
  const hits = timed([hit(9, "2026-11-12T21:00:00Z"), hit(2, "2026-11-12T21:00:59Z"), hit(4, "2026-11-12T21:01:00Z"), hit(7, "2026-11-12T21:01:30Z"), hit(1, "2026-11-12T21:02:30Z"), hit(3, null)]);
  const items = clustered(hits, MINUTE);
  assert.deepEqual(items.map((item) => [item.key, item.hits.map((each) => each.rank), iso(item.at).slice(11, 19)]), [["h2", [9, 2], "21:00:00"], ["h4", [4, 7], "21:01:00"], ["h1", [1], "21:02:30"]]);
  for (let place = 1; place < items.length; place += 1) assert.ok(items[place].at - items[place - 1].at >= MINUTE);
});

test("a thousand hits of one lane are never more things than fit beside each other", () => {
  const hits = timed(Array.from({ length: 1000 }, (_, place) => hit(place + 1, new Date(at("2026-11-12T20:00:00Z") + ((place * 7919) % 10800) * 1000).toISOString())));
  const items = clustered(hits, 270 * 1000);
  assert.ok(items.length <= 10800 / 270 + 1);
  assert.equal(items.reduce((sum, item) => sum + item.hits.length, 0), 1000);
});

test("from a week on there are the best of each day and bars of hours or days", () => {
  // 22:30 UTC is already the next day in Berlin's summer, 23:30 in its winter.
  const hits = timed([hit(5, "2026-10-24T21:30:00Z"), hit(3, "2026-10-24T22:30:00Z"), hit(2, "2026-10-25T22:30:00Z"), hit(9, "2026-10-25T23:30:00Z")]);
  assert.deepEqual(daily(hits, 1, BERLIN).map((item) => [item.key, item.hits.length]), [["h5", 1], ["h2", 2], ["h9", 1]]);
  assert.deepEqual(daily(hits, 36 * 60 * MINUTE, BERLIN).map((item) => [item.key, item.hits.length]), [["h2", 4]]);
  const counts = (perPixel) => bars(hits, perPixel, BERLIN).map(({ from, count }) => [iso(from).slice(5, 13), count]);
  assert.deepEqual(counts(3 * 60 * MINUTE), [["10-23T22", 1], ["10-24T22", 2], ["10-25T23", 1]], "a day is 8 pixels");
  assert.deepEqual(counts(45 * MINUTE), [["10-24T16", 1], ["10-24T22", 1], ["10-25T22", 1], ["10-25T23", 1]], "6 hours are 8 pixels");
  assert.deepEqual(counts(24 * 60 * MINUTE), [["10-18T22", 3], ["10-25T23", 1]], "a week is 7 pixels");
});

test("keys lead along a lane and to the nearest in time of the next", () => {
  const item = (key, at) => ({ key, at });
  const lanes = [[item("query", 50)], [item("a", 10), item("b", 48), item("c", 90)], [], [item("d", 0), item("e", 80)]];
  const to = (pressed, key) => led(pressed, lanes, key)?.key;
  assert.deepEqual([to("ArrowRight", "a"), to("ArrowLeft", "a"), to("Home", "c"), to("End", "a")], ["b", undefined, "a", "c"]);
  assert.deepEqual([to("ArrowDown", "query"), to("ArrowDown", "b"), to("ArrowUp", "e"), to("ArrowDown", "e"), to("ArrowUp", "a")], ["b", "e", "c", undefined, "query"]);
  assert.equal(to("x", "a"), undefined);
});

test("the whole gallery is summed over cameras, by hours or by the zone's days", () => {
  const hours = overviewOf({ by: "hour", zone: BERLIN, cameras: [{ buckets: [{ at: "2026-10-25T02:00:00+02:00", sightings: 2 }, { at: "2026-10-25T02:00:00+01:00", sightings: 3 }] }, { buckets: [{ at: "2026-10-25T02:00:00+01:00", sightings: 4 }] }] });
  assert.deepEqual([hours.bars.map((bar) => [iso(bar.at).slice(11, 16), bar.count]), iso(hours.to)], [[["00:00", 2], ["01:00", 7]], "2026-10-25T02:00:00Z"]);
  const days = overviewOf({ by: "day", zone: BERLIN, cameras: [{ buckets: [{ at: "2026-10-25", sightings: 2 }] }] });
  assert.deepEqual([iso(days.from), hoursFit(days)], ["2026-10-24T22:00:00Z", true]);
  assert.equal(overviewOf({ by: "day", zone: BERLIN, cameras: [] }), null);
  assert.equal(hoursFit({ from: 0, to: 93 * 24 * 60 * MINUTE }), false);
  // Ten pixels an hour: the first bar is 2 of 7 of the height, the second the whole.
  assert.equal(drawnBars(hours, 20, 28), "M0 28v-8h9V28zM10 28v-28h9V28z");
});

test("thumbs stay within the whole and don't pass each other", () => {
  const [whole, window] = [{ from: 0, to: 2000 }, { from: 500, to: 600 }];
  assert.deepEqual(thumbed("ArrowRight", "from", window, whole, 20), { from: 510, to: 600 });
  assert.deepEqual(thumbed("PageUp", "from", window, whole, 20), { from: 580, to: 600 });
  assert.deepEqual(thumbed("Home", "to", window, whole, 20), { from: 500, to: 520 });
  assert.deepEqual(thumbed("End", "to", window, whole, 20), { from: 500, to: 2000 });
  assert.equal(thumbed("a", "to", window, whole, 20), null);
  assert.deepEqual(placed("from", -50, window, whole, 20), { from: 0, to: 600 });
});
