import assert from "node:assert/strict";
import { test } from "node:test";

import { localOf, momentsOf, pasted, utc } from "../../../server/rgbir/server/page/search/moments.js";

const iso = (dates) => dates.map((date) => date.toISOString());

test("a local time is one moment, as a rule", () => {
  assert.deepEqual(iso(momentsOf("2026-11-12T22:41", "Europe/Berlin")), ["2026-11-12T21:41:00.000Z"]);
  assert.deepEqual(iso(momentsOf("2026-07-01T00:00:07", "Asia/Kolkata")), ["2026-06-30T18:30:07.000Z"]);
});

test("the hour that comes twice is two moments, and the one that is left out is none", () => {
  assert.deepEqual(iso(momentsOf("2026-10-25T02:30", "Europe/Berlin")), ["2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z"]);
  assert.deepEqual(momentsOf("2026-03-29T02:30", "Europe/Berlin"), []);
  assert.deepEqual(iso(momentsOf("2026-11-01T01:15", "America/New_York")), ["2026-11-01T05:15:00.000Z", "2026-11-01T06:15:00.000Z"]);
});

test("what a clock shows leads back to the moment, every half hour of a year", () => {
  for (const zone of ["Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "UTC"]) {
    for (let time = Date.UTC(2026, 0, 1); time < Date.UTC(2027, 0, 1); time += 1800000 * 7) {
      const date = new Date(time);
      assert.ok(iso(momentsOf(localOf(date.toISOString(), zone), zone)).includes(date.toISOString()), `${zone} ${date.toISOString()}`);
    }
  }
});

test("ISO 8601 with a zone is understood when pasted, and nothing else", () => {
  assert.equal(pasted(" 2026-11-12 22:41:06+0100 ")?.toISOString(), "2026-11-12T21:41:06.000Z");
  assert.equal(pasted("2026-11-12T22:41Z")?.toISOString(), "2026-11-12T22:41:00.000Z");
  assert.equal(pasted("2026-11-12 22:41"), null);
  assert.equal(pasted("tomorrow"), null);
});

test("distances from UTC are in words", () => {
  assert.equal(utc(new Date("2026-11-12T21:41:00Z"), "Europe/Berlin"), "UTC+1");
  assert.equal(utc(new Date("2026-11-12T21:41:00Z"), "America/St_Johns"), "UTC−3:30");
  assert.equal(utc(new Date("2026-11-12T21:41:00Z"), "UTC"), "UTC");
});
