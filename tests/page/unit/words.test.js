import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { parts, plain } from "../../../server/rgbir/server/page/core/rich.js";
import { addTexts, bestLanguage, clock, day, moment, period, span, speak, strangers, setZone, t } from "../../../server/rgbir/server/page/core/words.js";

const PAGE = new URL("../../../server/rgbir/server/page/", import.meta.url);
const files = readdirSync(PAGE, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js") && !name.startsWith("vendor"));
const tables = await Promise.all(files.filter((name) => name.startsWith("texts/")).map((name) => import(fileURLToPath(new URL(name, PAGE)))));
const entries = Object.assign({}, ...tables.flatMap((module) => Object.values(module)));
const source = files.filter((name) => !name.startsWith("texts/")).map((name) => readFileSync(new URL(name, PAGE), "utf8")).join("\n");
/** Texts that are chosen by a value: the beginning of their codes, and the values that there are. */
const CHOSEN = {
  "action.": "search look browse explain preview_erase enrol enrol_archive erase erased change_camera changed_camera prepare_model activate_model activated_model forget_model add_key added_key end_key ended_key embed distances open_case opened_case look_at_case change_case changed_case delete_case deleted_case hold_case held_case lift_hold lifted_hold approve_case approved_case refuse_case refused_case mark marked take_mark_back took_mark_back note noted erase_picture erased_picture keep_picture kept_picture ask_erasure asked_erasure refuse_erasure print_report export_evidence exported_evidence draw_pairs drew_pairs judge_pair judged_pair take_answer_back took_answer_back use_judgement used_judgement delete_judgement deleted_judgement continued",
  "box.": "left top right bottom",
  "camera.unknown.": "ir rgb",
  "cases.": "open waiting closed",
  "chip.": "cameras dates hours passages track least group rerank k identity",
  "course.": "list timeline plan same unsure different",
  "dates.": "since until",
  "enrol.state.": "waiting sending added present relabelled skipped",
  "enrol.sum.": "added present relabelled skipped",
  "enrol.times.": "none name file hand",
  "fuse.": "best mean",
  "group.": "none identity track camera",
  "rerank.": "none aim k-reciprocal",
  "film.clock.": "film hand name",
  "hits.": "same unsure different blank none",
  "heat.": "hour day month",
  "job.": "waiting running done cancelled failed",
  "job.ended.": "cancelled failed",
  "job.stopped.": "cancelled failed",
  "judge.": "begin goon result",
  "judge.need.": "query other count",
  "keys.may.": "search enrol export monitor admin",
  "left.": "own_camera same_place same_place_at_times not_chosen same_light nothing_enrolled",
  "light.": "ir rgb",
  "mark.": "same unsure different",
  "model.": "available filling ready answering failed",
  "new.": "number title purpose days workers readers approver",
  "new.need.": "number title purpose",
  "order.": "newest oldest",
  "pan.": "left up down right",
  "part.": "course hits searches notes rights",
  "passages.": "filter rank off",
  "protocol.": "sysu all-search indoor-search single-shot multi-shot regdb cross best_on_test",
  "refined.": "now earlier where mark",
  "role.": "search enrol export monitor admin",
  "scale.": "10min 1h 3h night day week all",
  "scene.": "unknown indoor outdoor",
  "system.": "ready detail version model fingerprint sightings generation flight waiting soon refused approximate memory started certificate",
  "system.ready.": "yes no",
  "table.": "mark rank place camera time identity track distance strangers",
  "tag.": "ir rgb",
  "verdict.": "lead doubt unknown none no_camera lead.more doubt.more unknown.more none.more no_camera.more",
  "view.": "grid cameras timeline plan",
  "walk.": "possible soon long",
  "warn.": "shot_small shot_burnt shot_dark shot_blurred shot_has_colours shot_no_colours shot_deep no_times no_walking_time no_time_given moved_no_time mean_not_measured not_logged",
};
const chosen = Object.entries(CHOSEN).flatMap(([beginning, values]) => values.split(" ").map((value) => beginning + value));

test("every text has its three languages, with the same values in braces and the same actions", () => {
  for (const [code, entry] of Object.entries(entries)) {
    assert.equal(entry.length, 3, code);
    const marks = entry.map((text) => {
      const forms = typeof text === "string" ? [text] : Object.values(text);
      for (const form of forms) assert.ok(form.trim(), code);
      return JSON.stringify([...new Set(forms.flatMap((form) => form.match(/\{\w+\}|\*+/g) ?? []))].sort());
    });
    assert.equal(new Set(marks).size, 1, `${code}: ${marks}`);
  }
});

test("every text that is asked for is there, and every text that is there is asked for", () => {
  const used = new Set([...[...source.matchAll(/"([\w.-]+)"/g)].map((match) => match[1]), ...chosen]);
  const asked = [...source.matchAll(/\b(?:t|rich|plain|parts)\(\s*"([\w.-]+)"/g)].map((match) => match[1]);
  assert.deepEqual([...asked, ...chosen].filter((code) => !(code in entries)), []);
  assert.deepEqual(Object.keys(entries).filter((code) => !used.has(code)), []);
});

test("every beginning that a value is put behind is listed with its values", () => {
  const beginnings = [...source.matchAll(/`((?:[a-z]+\.)+)\$\{/g)].map((match) => match[1]);
  assert.deepEqual(beginnings.filter((beginning) => !(beginning in CHOSEN)), []);
  assert.deepEqual(Object.keys(CHOSEN).filter((beginning) => beginning !== "fuse." && !beginnings.includes(beginning)), []);
});

test("no translation is longer than twice the English, where that is longer than a word", () => {
  const longest = (text) => Math.max(...(typeof text === "string" ? [text] : Object.values(text)).map((form) => form.length));
  const long = Object.entries(entries).filter(([, entry]) => longest(entry[0]) > 8 && Math.max(longest(entry[1]), longest(entry[2])) > 2 * longest(entry[0]));
  assert.deepEqual(long.map(([code]) => code), []);
});

test("strangers are told as people read numbers", () => {
  speak("en");
  assert.deepEqual([0, 0.0999, 0.1, 9.94, 9.96, 12.4, 999.4, 999.6, 1e9].map(strangers), ["< 0.1", "< 0.1", "0.1", "9.9", "10", "12", "999", "1,000+", "1,000+"]);
  speak("de");
  assert.equal(strangers(0.25), "0,3");
  speak("en");
});

test("moments are local, with the year where it isn't this one", () => {
  setZone("Europe/Berlin");
  speak("en");
  assert.equal(moment("2020-11-12T21:41:06Z", { seconds: true }), "12 Nov 2020, 22:41:06");
  assert.deepEqual([moment, clock, day].map((write) => write("nonsense")), ["", "", ""]);
});

test("a period has its times of day, and its date twice where it ends on another one", () => {
  setZone("Europe/Berlin");
  speak("en");
  assert.equal(period("2020-11-12T21:00:00Z", "2020-11-12T22:30:00Z"), "12 Nov 2020, 22:00 – 23:30");
  assert.equal(period("2020-11-12T21:00:00Z", "2020-11-12T23:30:00Z"), "12 Nov 2020, 22:00 – 13 Nov 2020, 00:30");
  assert.equal(period("2020-11-12T21:00:00Z", "2021-11-12T21:00:00Z"), "12 Nov 2020, 22:00 – 12 Nov 2021, 22:00", "a year later");
  assert.deepEqual([period("2020-11-12T21:00:00Z", ""), period("", "2020-11-12T21:00:00Z"), period("", "")], ["12 Nov 2020, 22:00 –", "– 12 Nov 2020, 22:00", ""]);
});

test("marks are those of a text, never those of what is put in", () => {
  addTexts({ "x.rich": ["**Shot {i}** of {c}. *Do {c}*", "", ""] });
  speak("en");
  assert.deepEqual(parts("x.rich", { i: "*1*", c: "**yard** *b*" }), [
    { mark: "strong", text: "Shot *1*" }, { mark: "", text: " of **yard** *b*. " }, { mark: "action", text: "Do **yard** *b*" },
  ]);
  assert.equal(plain("x.rich", { i: 1, c: "a*b*" }), "Shot 1 of a*b*. Do a*b*");
});

test("spans have two units at most", () => {
  speak("en");
  assert.deepEqual([0, 42, 1002, 7500, 273600].map(span), ["0s", "42s", "16 min 42s", "2h 5 min", "3 days 4h"]);
});

test("plural forms and values are put in, and an unknown code stays as it is", () => {
  addTexts({ "x.n": [{ one: "{n} hit of {name}", other: "{n} hits of {name}" }, "{n} {name}", "{n} {name}"] });
  assert.equal(t("x.n", { n: 1, name: "a" }), "1 hit of a");
  assert.equal(t("x.n", { n: 1200, name: "{n}" }), "1,200 hits of {n}");
  assert.equal(t("x.nothing"), "x.nothing");
  assert.equal(bestLanguage(["fr", "zh-Hans-CN", "de"]), "zh");
  assert.equal(bestLanguage(["fr"]), "en");
});
