import assert from "node:assert/strict";
import { test } from "node:test";

import { Refusal } from "../../../server/rgbir/server/page/core/api.js";
import { patiently } from "../../../server/rgbir/server/page/core/patience.js";

const busy = () => new Refusal({ status: 503, detail: "busy" }, 1);

/** As if each second were over at once. @param {() => Promise<unknown>} run */
async function quickly(run) {
  const wait = globalThis.setTimeout;
  globalThis.setTimeout = (then) => wait(then, 0);
  try {
    return await run();
  } finally {
    globalThis.setTimeout = wait;
  }
}

test("a busy server is asked again after the seconds that it says, which are counted down", async () => {
  const waits = [];
  let asked = 0;
  const attempt = async () => {
    asked += 1;
    if (asked < 3) throw new Refusal({ status: 503, detail: "" }, asked);
    return "answer";
  };
  assert.equal(await quickly(() => patiently(attempt, { busy: () => true, goesOn: () => true, onWait: (left) => waits.push(left) })), "answer");
  assert.deepEqual(waits, [1, 0, 2, 1, 0]);
});

test("five times at most, and not at all where that wouldn't help", async () => {
  let asked = 0;
  const attempt = async () => {
    asked += 1;
    throw busy();
  };
  const how = { busy: () => true, goesOn: () => true, onWait: () => {} };
  await assert.rejects(quickly(() => patiently(attempt, how)), { status: 503 });
  assert.equal(asked, 5);
  await assert.rejects(quickly(() => patiently(attempt, { ...how, busy: () => false })), { status: 503 });
  assert.equal(asked, 6);
});

test("whoever gives up meanwhile asks no more", async () => {
  let asked = 0;
  let wants = true;
  const attempt = async () => {
    asked += 1;
    throw busy();
  };
  await assert.rejects(quickly(() => patiently(attempt, { busy: () => true, goesOn: () => wants, onWait: () => (wants = false) })), { status: 503 });
  assert.equal(asked, 1);
});
