import assert from "node:assert/strict";
import { test } from "node:test";

import { arrowed, laidOut, linesOf, nodesOf, ordered, positionOf, sidesOf, withoutPlace } from "../../../server/rgbir/server/page/plan/model.js";

const camera = (id, place, position = null) => ({ id, place, places: [{ place, position }] });
const passage = (origin, destination, soonest_s) => ({ origin, destination, soonest_s });
const network = {
  cameras: [camera("1", "Lobby", [20, 60]), camera("2", "Ward", [50, 20]), camera("3", "Ward", [60, 20]), camera("4", "Gate", [80, 60]), camera("6", "Yard", [90, 90])],
  passages: [passage("Gate", "Ward", 540), passage("Ward", "Lobby", 240), passage("Gate", "Yard", 60)],
  picture: null,
};
const hit = (rank, id, taken_at = null) => ({ id: `h${rank}`, rank, camera: id, taken_at });
const answer = { query: { camera: "3", place: "Ward" }, searched_cameras: ["1", "4"], hits: [hit(1, "4"), hit(2, "1"), hit(3, "4")] };

test("places come in walking order with what was searched of them", () => {
  assert.deepEqual(nodesOf(network, null, answer).map((node) => [node.place, node.cameras, node.state, node.hits.map((each) => each.rank), node.walk?.soonest]), [
    ["Ward", ["2", "3"], "query", [], undefined],
    ["Lobby", ["1"], "searched", [2], 240],
    ["Gate", ["4"], "searched", [1, 3], 540],
    ["Yard", ["6"], "out", [], undefined],
  ]);
  assert.deepEqual(nodesOf(network, null, null).map((node) => [node.place, node.state]), [["Gate", "plain"], ["Lobby", "plain"], ["Ward", "plain"], ["Yard", "plain"]]);
});

test("hits stand where their camera was then, though none is there any more", () => {
  const moved = { cameras: [{ id: "1", place: "Hall", places: [{ place: "Lobby", position: [1, 2] }, { place: "Hall", since: "2026-11-01T00:00:00Z", position: [3, 4] }] }], passages: [] };
  const nodes = nodesOf(moved, "2026-11-12T00:00:00Z", { query: {}, searched_cameras: ["1"], hits: [hit(1, "1", "2026-10-31T00:00:00Z"), hit(2, "1", "2026-11-02T00:00:00Z")] });
  assert.deepEqual(nodes.map((node) => [node.place, node.left, node.position, node.hits.map((each) => each.rank)]), [["Lobby", true, [1, 2], [1]], ["Hall", false, [3, 4], [2]]]);
  assert.deepEqual(nodesOf(moved, "2026-10-01T00:00:00Z", null).map((node) => node.place), ["Lobby"], "a plan of before it was moved");
});

test("a place is in the middle of its cameras, where any is said", () => {
  assert.deepEqual(positionOf(network.cameras, "Ward"), [55, 20]);
  assert.equal(positionOf([camera("1", "Lobby")], "Lobby"), null);
});

test("positions are those of the picture, if all lie on it", () => {
  const nodes = nodesOf(network, null, answer);
  const on = laidOut(nodes, { ...network, picture: { path: "/plan", width: 200, height: 100 } });
  assert.deepEqual([on.at.get("Lobby"), on.at.get("Yard"), on.picture, on.off], [[10, 60], [45, 90], true, false]);
  const off = laidOut(nodes, { ...network, picture: { path: "/plan", width: 80, height: 100 } });
  assert.deepEqual([off.picture, off.off], [false, true]);
});

test("without a picture they are fitted on a sheet, four by three", () => {
  const { at, frame } = laidOut(nodesOf(network, null, answer), network);
  // 70 wide and 70 high; the height decides: 72 % of the sheet's.
  assert.ok(Math.abs(frame.height - 70 / 0.72) < 1e-9 && Math.abs(frame.width - (70 / 0.72) * (4 / 3)) < 1e-9);
  assert.deepEqual([at.get("Ward"), at.get("Yard")].map(([, y]) => Math.round(y)), [14, 86]);
  assert.deepEqual([Math.round(at.get("Lobby")[0]), Math.round(at.get("Yard")[0])], [23, 77], "50 ± 70 / 129.6 / 2");
  assert.equal(laidOut(nodesOf({ cameras: [camera("1", "Lobby", [5, 5])] }, null, null), { cameras: [] }).frame.height, 100, "one position alone has room to be moved in");
  const [single] = laidOut(nodesOf({ cameras: [camera("1", "Lobby", [5, 5])] }, null, null), { cameras: [] }).at.values();
  assert.deepEqual(single.map(Math.round), [50, 50]);
});

test("those that nobody placed stand below, and on a circle where nobody placed any", () => {
  const some = { ...network, cameras: [...network.cameras, camera("7", "Attic")] };
  assert.deepEqual(laidOut(nodesOf(some, null, answer), some).at.get("Attic"), [50, 92]);
  const none = { ...network, cameras: network.cameras.map(({ id, place }) => camera(id, place)) };
  const nodes = nodesOf(none, null, answer);
  const round = laidOut(nodes, none);
  assert.ok(round.round);
  assert.deepEqual(ordered(nodes, none).map((node) => node.place), ["Ward", "Lobby", "Gate", "Yard"], "Lobby leads nowhere; the next of the list comes");
  assert.deepEqual([...round.at].map(([place, at]) => [place, at.map(Math.round)]), [["Ward", [50, 14]], ["Lobby", [86, 50]], ["Gate", [50, 86]], ["Yard", [14, 50]]]);
  const picture = { ...none, picture: { path: "/plan", width: 200, height: 100 } };
  assert.equal(laidOut(nodes, picture).picture, false, "a circle isn't on the picture");
  assert.equal(laidOut(nodes, picture, true).picture, true, "unless one puts them there");
});

test("walks are dashed where one of their ends was left out", () => {
  assert.deepEqual(linesOf(nodesOf(network, null, answer), network).map((line) => [line.from, line.to, line.soonest, line.dashed]), [["Gate", "Ward", 540, false], ["Ward", "Lobby", 240, false], ["Gate", "Yard", 60, true]]);
  assert.deepEqual(linesOf([], network), []);
});

test("words stand where they cover nothing", () => {
  const stage = { width: 400, height: 400 };
  const words = () => ({ width: 100, height: 40 });
  const sides = (at, lines = []) => [...sidesOf([...at.keys()], at, lines, stage, words, 20).values()];
  assert.deepEqual(sides(new Map([["a", [50, 50]]])), ["right"]);
  assert.deepEqual(sides(new Map([["a", [95, 50]]])), ["left"], "at the right edge");
  assert.deepEqual(sides(new Map([["a", [30, 50]], ["b", [55, 50]]])), ["below", "right"], "not over a neighbour; it has no room on its left");
  assert.deepEqual(sides(new Map([["a", [50, 50]], ["b", [50, 5]]]), [{ from: "a", to: "b" }])[0], "right");
});

test("leaving a place out leaves the other searched cameras", () => {
  const nodes = nodesOf(network, null, answer);
  assert.deepEqual(withoutPlace(answer, nodes.find((node) => node.place === "Gate")), ["1"]);
  assert.deepEqual([arrowed("ArrowUp", 5), arrowed("ArrowRight", 1), arrowed("Enter", 1)], [[0, -5], [1, 0], null]);
});

test("a place is where its cameras hang; where they hung, once none is there", () => {
  const left = { id: "1", places: [{ place: "Hall", position: [0, 0] }, { place: "Roof", position: [9, 9] }] };
  const there = { id: "2", places: [{ place: "Hall", position: [10, 20] }] };
  assert.deepEqual(positionOf([left, there], "Hall"), [10, 20]);
  assert.deepEqual(positionOf([left], "Hall"), [0, 0]);
  assert.equal(positionOf([left, there], "Yard"), null);
});
