import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { addTexts, bestLanguage, moment, span, speak, strangers, setZone, t } from "../../../server/rgbir/server/page/core/words.js";

const PAGE = new URL("../../../server/rgbir/server/page/", import.meta.url);
const files = readdirSync(PAGE, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js") && !name.startsWith("vendor"));
const tables = await Promise.all(files.filter((name) => name.startsWith("texts/")).map((name) => import(fileURLToPath(new URL(name, PAGE)))));
const entries = Object.assign({}, ...tables.flatMap((module) => Object.values(module)));
const source = files.filter((name) => !name.startsWith("texts/")).map((name) => readFileSync(new URL(name, PAGE), "utf8")).join("\n");
/**
 * Texts of these beginnings are chosen by a value: a code of the server, a role, a view, a column,
 * a state, a part of a protocol, an action of the audit log, a mark, a part of a case, a field.
 */
const CHOSEN = /^(heat|pan|walk|order|verdict|left|warn|problem|role|tag|light|view|table|chip|passages|group|fuse|box|camera\.unknown|nav|enrol\.(times|sum|state)|job|scene|model|protocol|action|system|keys\.may|scale|part|mark|course|refined|new)\.|^(cases\.(open|waiting|closed)|hits\.(same|unsure|different|none))$/;

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
  const used = new Set([...source.matchAll(/"([\w.-]+)"/g)].map((match) => match[1]));
  const asked = [...source.matchAll(/\bt\(\s*"([\w.-]+)"/g)].map((match) => match[1]);
  assert.deepEqual(asked.filter((code) => !(code in entries)), []);
  assert.deepEqual(Object.keys(entries).filter((code) => !used.has(code) && !CHOSEN.test(code)), []);
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
  assert.equal(moment("nonsense"), "");
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
