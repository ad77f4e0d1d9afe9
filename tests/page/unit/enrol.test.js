import assert from "node:assert/strict";
import { test } from "node:test";

import { isFilmed } from "../../../server/rgbir/server/page/core/filmed.js";
import { isArchive, isFilm, isImage, isSeen } from "../../../server/rgbir/server/page/core/kinds.js";
import { cameraOfFolder, dropped } from "../../../server/rgbir/server/page/enrol/folders.js";
import { farness, filmFields, filmLack, filmOf } from "../../../server/rgbir/server/page/enrol/films.js";
import { fieldsOf, goesOn, jobOf, lack, nextGroup, outcome, sums, takenAt } from "../../../server/rgbir/server/page/enrol/rows.js";
import { timeOfName, timeOfPicture } from "../../../server/rgbir/server/page/enrol/times.js";

const row = (state, size = 1, more = {}) => ({ id: `${state}${size}`, state, file: { size, name: "a.jpg", type: "image/jpeg" }, proposed: null, ...more });
const labels = (more = {}) => ({ camera: "3", times: "none", at: "", track: "", identity: "", ...more });

test("files are grouped by number and bytes, in order, and only those that wait", () => {
  const rows = [row("added", 1), row("waiting", 4), row("waiting", 5), row("skipped", 1), row("waiting", 2), row("waiting", 90)];
  assert.deepEqual(nextGroup(rows, { images: 16, bytes: 10 }).map((each) => each.file.size), [4, 5]);
  assert.deepEqual(nextGroup(rows, { images: 1, bytes: 10 }).map((each) => each.file.size), [4]);
  assert.deepEqual(nextGroup([row("waiting", 90), row("waiting", 1)], { images: 16, bytes: 10 }).map((each) => each.file.size), [90]);
  assert.deepEqual(nextGroup([row("added")]), []);
});

test("every file that waits is sent once, whatever the groups", () => {
  const rows = Array.from({ length: 103 }, (_, place) => row("waiting", (place * 7919) % 1000, { id: String(place) }));
  const sent = [];
  for (let group = nextGroup(rows, { images: 16, bytes: 3000 }); group.length; group = nextGroup(rows, { images: 16, bytes: 3000 })) {
    assert.ok(group.length <= 16 && (group.length === 1 || group.reduce((sum, each) => sum + each.file.size, 0) <= 3000));
    for (const each of group) {
      each.state = "added";
      sent.push(each.id);
    }
  }
  assert.deepEqual(sent, rows.map((each) => each.id));
});

test("moments go an image each, empty where none is known, and not at all where none is", () => {
  const rows = [row("waiting", 1, { proposed: "2026-11-12T21:41:06.000Z" }), row("waiting", 2)];
  assert.deepEqual(fieldsOf(rows, labels({ times: "name", track: " t1 ", identity: "17" })), {
    images: rows.map((each) => each.file), camera: "3", taken_at: ["2026-11-12T21:41:06.000Z", ""], identity: "17", track: "t1",
  });
  assert.equal(fieldsOf(rows, labels()).taken_at, null);
  assert.equal(takenAt(rows[1], labels({ times: "hand", at: "2026-01-01T00:00:00Z" })), "2026-01-01T00:00:00Z");
});

test("a result is one of four outcomes, and the sums add up", () => {
  const results = [{ status: "added" }, { status: "present" }, { status: "skipped", reason: "no image" }, { status: "present", reason: "identity stays 4" }];
  const rows = results.map(outcome);
  assert.deepEqual(rows.map((each) => each.state), ["added", "present", "skipped", "relabelled"]);
  assert.equal(rows[3].reason, "identity stays 4");
  const sum = sums([...rows, { state: "waiting" }, { state: "sending" }]);
  assert.deepEqual([sum.total, sum.done, sum.added + sum.present + sum.skipped + sum.relabelled], [6, 4, 4]);
});

test("what is lacking is said before anything is sent, proposed times unconfirmed too", () => {
  const waiting = [row("waiting")];
  assert.equal(lack(labels(), [row("added")], false)?.field, "files");
  assert.equal(lack(labels({ camera: "" }), waiting, false)?.field, "camera");
  assert.equal(lack(labels({ identity: "4a" }), waiting, false)?.field, "identity");
  assert.equal(lack(labels({ times: "hand" }), waiting, false)?.field, "at");
  assert.equal(lack(labels({ times: "file" }), waiting, false)?.field, "confirmed");
  assert.equal(lack(labels({ times: "file" }), waiting, true), null);
});

test("jobs go on while they wait or run", () => {
  assert.deepEqual(["waiting", "running", "done", "cancelled", "failed"].map((state) => goesOn({ state })), [true, true, false, false, false]);
  assert.ok(isArchive({ name: "a.ZIP", type: "" }) && isImage({ name: "a.tiff", type: "" }) && !isImage({ name: "a.txt", type: "text/plain" }));
});

test("names tell times in the zone, or with their own offset; what is no time is none", () => {
  const zone = "Europe/Berlin";
  const told = {
    "2026-11-12_22-41-06.jpg": "2026-11-12T21:41:06.000Z",
    "cam3_20260712T224106.png": "2026-07-12T20:41:06.000Z",
    "20261112224106.jpg": "2026-11-12T21:41:06.000Z",
    "2026-11-12T21:41:06Z.jpg": "2026-11-12T21:41:06.000Z",
    "2026-11-12 21.41.06+0530.jpg": "2026-11-12T16:11:06.000Z",
    "2026-10-25_02-30-00.jpg": null,
    "2026-03-29_02-30-00.jpg": null,
    "2026-13-45_22-41-06.jpg": null,
    "0001.jpg": null,
    "IMG_12345678901234567890.jpg": null,
  };
  for (const [name, iso] of Object.entries(told)) assert.equal(timeOfName(name, zone), iso, name);
});

/** A JPEG's beginning with EXIF's DateTimeOriginal, written by the TIFF specification. */
function jpeg(taken, offset, little) {
  const view = new DataView(new ArrayBuffer(200));
  let at = 0;
  const text = (value) => [...value].forEach((sign) => view.setUint8(at++, sign.charCodeAt(0)));
  const short = (value, order = false) => (view.setUint16(at, value, order), (at += 2));
  const long = (value) => (view.setUint32(at, value, little), (at += 4));
  short(0xffd8); short(0xffe0); short(4); short(0); // a segment before it
  short(0xffe1); short(150); text("Exif\0\0");
  text(little ? "II" : "MM"); short(42, little); long(8);
  short(1, little); short(0x8769, little); short(4, little); long(1); long(26); long(0);
  short(offset ? 2 : 1, little);
  short(0x9003, little); short(2, little); long(20); long(60);
  if (offset) { short(0x9011, little); short(2, little); long(7); long(80); }
  const start = 20 - 2;
  at = start + 60; text(`${taken}\0`);
  if (offset) { at = start + 80; text(`${offset}\0`); }
  return view.buffer;
}

test("a picture's own time is read in both byte orders, and nothing from rubbish", () => {
  for (const little of [true, false]) {
    assert.equal(timeOfPicture(jpeg("2026:11:12 22:41:06", "", little), "Europe/Berlin"), "2026-11-12T21:41:06.000Z");
    assert.equal(timeOfPicture(jpeg("2026:11:12 22:41:06", "-05:00", little), "Europe/Berlin"), "2026-11-13T03:41:06.000Z");
    assert.equal(timeOfPicture(jpeg("0000:00:00 00:00:00", "", little), "Europe/Berlin"), null);
  }
  assert.equal(timeOfPicture(new ArrayBuffer(0), "UTC"), null);
  const whole = jpeg("2026:11:12 22:41:06", "+01:00", true);
  for (let length = 0; length < 100; length += 1) assert.equal(timeOfPicture(whole.slice(0, length), "UTC") ?? null, null);
  for (let seed = 1; seed < 2000; seed += 1) {
    const harmed = new Uint8Array(whole.slice(0));
    harmed[(seed * 7919) % harmed.length] = (seed * 104729) % 256;
    const time = timeOfPicture(harmed.buffer, "UTC");
    assert.ok(time === null || !Number.isNaN(Date.parse(time)));
  }
});

const file = (name) => ({ isFile: true, isDirectory: false, name: name.split("/").at(-1), fullPath: `/${name}`, file: (done, failed) => (name.includes("gone") ? failed() : done({ name: name.split("/").at(-1) })) });
const folder = (name, ...inside) => ({
  isFile: false, isDirectory: true, name, fullPath: `/${name}`,
  createReader: () => ({ readEntries: (done) => done(inside.splice(0, 2)) }),
});
const item = (entry) => ({ kind: "file", webkitGetAsEntry: () => entry, getAsFile: () => ({ name: entry.name }) });

test("a folder is walked to its end, a few entries at a time, in the order of names", async () => {
  const inner = folder("a/cam3", file("a/cam3/2.jpg"), file("a/cam3/1.jpg"), file("a/cam3/gone.jpg"), file("a/cam3/0.jpg"));
  const given = { items: [item(folder("a", file("a/z.jpg"), Object.assign(inner, { name: "cam3" }), file("a/b.jpg"))), item(file("alone.jpg")), { kind: "string" }], files: [] };
  assert.deepEqual((await dropped(given)).map(({ path }) => path), ["a/b.jpg", "a/cam3/0.jpg", "a/cam3/1.jpg", "a/cam3/2.jpg", "a/z.jpg", "alone.jpg"]);
  assert.deepEqual((await dropped({ items: [], files: [{ name: "x.jpg" }] })).map(({ path }) => path), ["x.jpg"]);
});

test("a camera is that of the folder, not of the file's name", () => {
  const cameras = [{ id: "3" }, { id: "yard", aliases: ["6"] }];
  assert.deepEqual(["3/1.jpg", "night/cam6/1.jpg", "yard/x/3.jpg", "3_1.jpg", "other/1.jpg", "3/yard/1.jpg"].map((path) => cameraOfFolder(path, cameras)), ["3", "yard", "yard", null, null, null]);
});

test("a job's name in the address is read, and one that can't be is taken as it is", () => {
  assert.deepEqual(["/enrol", "/enrol/jobs/a%20b", "/enrol/jobs/%"].map(jobOf), ["", "a b", "%"]);
});

test("what browsers draw is known by type or name", () => {
  const seen = (name, type = "") => isSeen({ name, type });
  assert.deepEqual([seen("a.JPG"), seen("a", "image/webp"), seen("a.tiff", "image/tiff"), seen("a.txt")], [true, true, false, false]);
});

test("a film is sent with its camera, and with the time that was chosen for it", () => {
  const film = { ...filmOf({ name: "clip.mp4", size: 9 }, "3"), at: "2026-11-02T21:15:00.000Z" };
  const nothing = { start: null, name_time: null, zone: null, purpose: null };
  assert.deepEqual(filmFields(film, "Europe/Berlin"), { film: film.file, camera: "3", ...nothing });
  assert.deepEqual(filmFields({ ...film, clock: "hand", purpose: " theft " }, "UTC"), { film: film.file, camera: "3", ...nothing, start: film.at, purpose: "theft" });
  assert.deepEqual(filmFields({ ...film, clock: "name" }, "Europe/Berlin"), { film: film.file, camera: "3", ...nothing, name_time: "axis", zone: "Europe/Berlin" });
  assert.equal(filmFields({ ...film, clock: "name", zone: " UTC " }, "Europe/Berlin").zone, "UTC");
});

test("what a film lacks is said before it is sent", () => {
  const film = filmOf({ name: "clip.mp4", size: 9 }, "");
  assert.equal(filmLack(film, false), "film.need.camera");
  assert.equal(filmLack({ ...film, camera: "3", clock: "hand" }, false), "film.need.at");
  assert.equal(filmLack({ ...film, camera: "3" }, true), "film.need.purpose");
  assert.equal(filmLack({ ...film, camera: "3", purpose: "theft" }, true), "");
  assert.equal(filmLack({ ...film, camera: "3" }, false), "");
});

test("an archive is as far as its files, and a film as its seconds", () => {
  const counts = { total: 9, added: 3, present: 2, skipped: 1 };
  assert.deepEqual(farness({ ...counts }), { done: 6, total: 9 });
  assert.deepEqual(farness({ ...counts, film: { seconds: 32.04, seconds_done: 7.6 } }), { done: 8, total: 32 });
  assert.deepEqual(farness({ ...counts, film: { seconds: null, seconds_done: 7.6 } }), { done: 8, total: 0 });
});

test("films are told by type and name, and are neither pictures nor archives", () => {
  for (const file of [{ name: "a.bin", type: "video/mp4" }, { name: "a.DAV", type: "" }, { name: "a.mkv", type: "" }, { name: "a.h265", type: "" }]) {
    assert.ok(isFilm(file) && !isImage(file) && !isArchive(file), file.name);
  }
  for (const name of ["a.jpg", "a.zip", "a.txt", "ts"]) assert.ok(!isFilm({ name, type: "" }), name);
});

test("a sighting is of a film where its source names a second of one", () => {
  assert.ok(isFilmed("clip.mp4#t=12.400&xywh=4,5,6,7"));
  for (const source of ["", null, undefined, "hall/a.jpg", "clip.mp4#xywh=4,5,6,7"]) assert.ok(!isFilmed(source), String(source));
});
