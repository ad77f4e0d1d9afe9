import assert from "node:assert/strict";
import { test } from "node:test";

import { drawn, moved, sized, within } from "../../../server/rgbir/server/page/search/rectangle.js";

const size = { width: 100, height: 50 };

test("a box is drawn from any corner and stays in the picture", () => {
  assert.deepEqual(drawn([90.2, 40.7], [10.9, -5], size), [10, 0, 91, 41]);
  assert.deepEqual(within([150, 60, 200, 70], size), [99, 49, 100, 50]);
  assert.deepEqual(within([5, 5, 5, 5], size), [5, 5, 6, 6]);
});

test("it is moved whole, and sized to a pixel at least", () => {
  assert.deepEqual(moved([10, 10, 30, 40], 200, -200, size), [80, 0, 100, 30]);
  assert.deepEqual(sized([10, 10, 30, 40], -500, 500, size), [10, 10, 11, 50]);
});
