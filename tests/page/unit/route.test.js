import assert from "node:assert/strict";
import { test } from "node:test";

import { changed, format, parse } from "../../../server/rgbir/server/page/core/route.js";

test("an address leads to a path and its parameters, and back", () => {
  const route = parse("#/gallery?camera=yard%26hall&x=a?b");
  assert.deepEqual([route.path, [...route.params]], ["/gallery", [["camera", "yard&hall"], ["x", "a?b"]]]);
  assert.equal(format("/search", { camera: "3", at: "", like: null }), "#/search?camera=3");
  assert.equal(changed(route, { camera: null, hit: "h" }), "#/gallery?x=a%3Fb&hit=h");
});

test("no path is Search", () => {
  for (const hash of ["", "#", "#/", "#x"]) assert.equal(parse(hash).path, "/search");
  assert.equal(parse("#/gallery/").path, "/gallery");
});
