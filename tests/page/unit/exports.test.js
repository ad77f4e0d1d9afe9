import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const PAGE = new URL("../../../server/rgbir/server/page/", import.meta.url);
const TESTS = new URL("./", import.meta.url);
const read = (folder, name) => ({ name, text: readFileSync(new URL(name, folder), "utf8") });
const files = readdirSync(PAGE, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js") && !name.startsWith("vendor")).map((name) => read(PAGE, name));
const tests = readdirSync(TESTS).map((name) => read(TESTS, name));

test("what a file exports another one imports", () => {
  const unused = files.flatMap(({ name, text }) =>
    [...text.matchAll(/^export (?:async )?(?:const|function|class) (\w+)/gm)]
      .map((match) => match[1])
      .filter((word) => ![...files, ...tests].some((other) => other.name !== name && new RegExp(`\\b${word}\\b`).test(other.text)))
      .map((word) => `${name}: ${word}`),
  );
  assert.deepEqual(unused, []);
});
