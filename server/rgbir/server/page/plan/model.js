/** The plan: places with what was searched of them, where each is drawn, and which walks join them. Pure. */

import { placeOf } from "../answer/model.js";
import { joins, walkOf } from "../answer/walks.js";

/** @typedef {import("../core/types.js").Answer} Answer */
/** @typedef {import("../core/types.js").CameraInfo} CameraInfo */
/** @typedef {import("../core/types.js").Hit} Hit */
/** @typedef {import("../core/types.js").Network} Network */
/** @typedef {{ width: number, height: number }} Size */
/** @typedef {"query" | "searched" | "out" | "plain"} State */
/**
 * @typedef {object} Node
 * @property {string} place
 * @property {string[]} cameras that are there at the moment, or whose hits are there
 * @property {boolean} left whether no camera is there any more
 * @property {[number, number] | null} position in the plan's units
 * @property {State} state
 * @property {Hit[]} hits
 * @property {import("../answer/walks.js").Walk | null} walk from the query's place
 */

/**
 * Places in walking order from the query's: those that have a camera at a moment, and those where hits are though their camera has moved.
 * @param {Network} network
 * @param {string | null} moment null is now
 * @param {Answer | null} answer none where the plan only shows where cameras are
 * @returns {Node[]}
 */
export function nodesOf(network, moment, answer) {
  const at = moment ?? new Date().toISOString();
  const cameras = new Map(network.cameras.map((camera) => [camera.id, camera]));
  /** @type {Map<string, { now: Set<string>, then: Set<string>, hits: Hit[] }>} */
  const places = new Map();
  const of = (/** @type {string} */ place) => {
    const known = places.get(place) ?? { now: new Set(), then: new Set(), hits: [] };
    places.set(place, known);
    return known;
  };
  for (const camera of network.cameras) of(placeOf(camera, at)).now.add(camera.id);
  for (const hit of answer?.hits ?? []) {
    const place = of(placeOf(cameras.get(hit.camera), hit.taken_at));
    place.hits.push(hit);
    if (!place.now.has(hit.camera)) place.then.add(hit.camera);
  }
  const searched = new Set(answer?.searched_cameras ?? []);
  const own = answer?.query.place ?? null;
  const nodes = [...places].map(([place, { now, then, hits }]) => {
    const all = [...now, ...then];
    /** @type {State} */
    let state = "plain";
    if (answer) state = place === answer.query.place ? "query" : all.some((camera) => searched.has(camera)) ? "searched" : "out";
    return { place, cameras: all, left: now.size === 0, position: positionOf(network.cameras, place), state, hits, walk: place === own ? null : walkOf(network, own, place) };
  });
  const best = (/** @type {Node} */ node) => Math.min(Infinity, ...node.hits.map((hit) => hit.rank));
  // Infinity less Infinity is no number, and so leaves it to what comes next.
  return nodes.sort(
    (one, other) =>
      Number(other.place === own) - Number(one.place === own) || (one.walk?.soonest ?? Infinity) - (other.walk?.soonest ?? Infinity) || best(one) - best(other) || one.place.localeCompare(other.place),
  );
}

/**
 * The middle of where cameras of a place hang; of where they hung, if none of them is there any more.
 * @param {CameraInfo[]} cameras
 * @param {string} place
 * @returns {[number, number] | null} none where nobody says
 */
export function positionOf(cameras, place) {
  const ever = cameras.flatMap((camera) => (camera.places ?? []).filter((stay) => stay.place === place && stay.position).slice(-1).map((stay) => ({ last: stay === camera.places?.at(-1), position: /** @type {number[]} */ (stay.position) })));
  const still = ever.filter(({ last }) => last);
  const known = (still.length ? still : ever).map(({ position }) => position);
  if (!known.length) return null;
  const mean = (/** @type {number} */ axis) => known.reduce((sum, position) => sum + position[axis], 0) / known.length;
  return [mean(0), mean(1)];
}

/**
 * @typedef {object} Layout
 * @property {Map<string, [number, number]>} at percent of the stage
 * @property {boolean} picture whether it lies under the nodes
 * @property {boolean} off whether there is one that positions aren't on
 * @property {boolean} round whether nodes stand on a circle, as nobody says where they are
 * @property {{ x: number, y: number, width: number, height: number }} frame the part of the plan that the stage shows, in its units
 */

const MARGIN = 0.14;
const STAGE = 4 / 3;
/** How much of the plan is drawn around a single position, in its units. */
const ALONE = 72;

/**
 * Where nodes are drawn: on the picture, else on a sheet that holds them all, else on a circle. Those without a position stand in a row below the others.
 * @param {Node[]} nodes
 * @param {Network} network
 * @param {boolean} [moving] whether they are to be put on the picture
 * @returns {Layout}
 */
export function laidOut(nodes, network, moving = false) {
  const known = nodes.flatMap(({ place, position }) => (position ? [{ place, position }] : []));
  const lost = nodes.filter((node) => node.position === null);
  const picture = network.picture ?? null;
  const inside = picture !== null && known.every(({ position }) => within(position, picture)) && (known.length > 0 || moving);
  if (!known.length) {
    const frame = inside && picture ? { x: 0, y: 0, width: picture.width, height: picture.height } : { x: 0, y: 0, width: 100 * STAGE, height: 100 };
    return { at: onCircle(ordered(nodes, network)), picture: inside, off: false, round: true, frame };
  }
  const frame = inside && picture ? { x: 0, y: 0, width: picture.width, height: picture.height } : sheet(known.map(({ position }) => position));
  /** @type {Map<string, [number, number]>} */
  const at = new Map(known.map(({ place, position }) => [place, percent(position, frame)]));
  lost.forEach(({ place }, index) => at.set(place, [((index + 0.5) / lost.length) * 100, 92]));
  return { at, picture: inside, off: picture !== null && !inside, round: false, frame };
}

/** @param {[number, number]} position @param {Size} size */
const within = ([x, y], { width, height }) => x >= 0 && y >= 0 && x <= width && y <= height;

/** @param {[number, number]} position @param {{ x: number, y: number, width: number, height: number }} frame @returns {[number, number]} */
const percent = ([x, y], frame) => [((x - frame.x) / frame.width) * 100, ((y - frame.y) / frame.height) * 100];

/** A sheet of 4 by 3 that holds them with a margin. @param {[number, number][]} positions */
function sheet(positions) {
  const [xs, ys] = [positions.map(([x]) => x), positions.map(([, y]) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [wide, high] = [Math.max(...xs) - left, Math.max(...ys) - top];
  const height = (Math.max(high, wide / STAGE) || ALONE) / (1 - 2 * MARGIN);
  const width = height * STAGE;
  return { x: left + wide / 2 - width / 2, y: top + high / 2 - height / 2, width, height };
}

/**
 * An order in which each is followed by the one that is walked to soonest, so that a circle has short lines.
 * @param {Node[]} nodes
 * @param {Network} network
 */
export function ordered(nodes, network) {
  const left = [...nodes];
  const first = Math.max(0, left.findIndex((node) => node.state === "query"));
  const order = left.splice(first, 1);
  while (left.length) {
    const { place } = order[order.length - 1];
    const walks = left.map((node) => network.passages?.find((each) => joins(each, place, node.place))?.soonest_s ?? Infinity);
    order.push(...left.splice(walks.indexOf(Math.min(...walks)), 1));
  }
  return order;
}

/** @param {Node[]} nodes @returns {Map<string, [number, number]>} the first on top, then clockwise */
function onCircle(nodes) {
  const turn = (2 * Math.PI) / nodes.length;
  return new Map(nodes.map(({ place }, index) => [place, nodes.length === 1 ? [50, 50] : [50 + 36 * Math.sin(index * turn), 50 - 36 * Math.cos(index * turn)]]));
}

/**
 * Walks between places that are drawn; dashed where one of them was left out.
 * @param {Node[]} nodes
 * @param {Network} network
 */
export function linesOf(nodes, network) {
  const states = new Map(nodes.map((node) => [node.place, node.state]));
  return (network.passages ?? [])
    .filter(({ origin, destination }) => states.has(origin) && states.has(destination))
    .map(({ origin, destination, soonest_s: soonest }) => ({ from: origin, to: destination, soonest, dashed: states.get(origin) === "out" || states.get(destination) === "out" }));
}

/** @typedef {"right" | "left" | "below" | "above"} Side */

/**
 * On which side of each node its words stand: where they cover the fewest nodes, words and lines, and stay on the stage.
 * @param {string[]} places
 * @param {Map<string, [number, number]>} at percent
 * @param {{ from: string, to: string }[]} lines
 * @param {Size} stage pixels
 * @param {(place: string) => Size} words the size of its words, pixels
 * @param {number} radius of a node, pixels
 * @returns {Map<string, Side>}
 */
export function sidesOf(places, at, lines, stage, words, radius) {
  /** @typedef {{ left: number, top: number, right: number, bottom: number }} Box */
  const point = (/** @type {string} */ place) => {
    const [x, y] = at.get(place) ?? [50, 50];
    return [(x / 100) * stage.width, (y / 100) * stage.height];
  };
  const around = (/** @type {number[]} */ [x, y], /** @type {number} */ by) => ({ left: x - by, top: y - by, right: x + by, bottom: y + by });
  const nodes = places.map((place) => around(point(place), radius));
  const pills = lines.map(({ from, to }) => around([(point(from)[0] + point(to)[0]) / 2, (point(from)[1] + point(to)[1]) / 2], 16));
  const dots = lines.flatMap(({ from, to }) => [0.2, 0.35, 0.65, 0.8].map((share) => around([point(from)[0] + share * (point(to)[0] - point(from)[0]), point(from)[1] + share * (point(to)[1] - point(from)[1])], 2)));
  /** @type {Box[]} */
  const taken = [...nodes, ...pills];
  /** @type {Map<string, Side>} */
  const sides = new Map();
  const overlap = (/** @type {Box} */ one, /** @type {Box} */ other) => one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
  for (const [index, place] of places.entries()) {
    const [x, y] = point(place);
    const gap = radius + 6;
    const label = words(place);
    const boxes = /** @type {[Side, Box][]} */ ([
      ["right", { left: x + gap, right: x + gap + label.width, top: y - label.height / 2, bottom: y + label.height / 2 }],
      ["left", { left: x - gap - label.width, right: x - gap, top: y - label.height / 2, bottom: y + label.height / 2 }],
      ["below", { left: x - label.width / 2, right: x + label.width / 2, top: y + gap, bottom: y + gap + label.height }],
      ["above", { left: x - label.width / 2, right: x + label.width / 2, top: y - gap - label.height, bottom: y - gap }],
    ]);
    const cost = (/** @type {Box} */ box) =>
      (box.left < 0 || box.top < 0 || box.right > stage.width || box.bottom > stage.height ? 10 : 0) +
      4 * taken.filter((other) => other !== nodes[index] && overlap(box, other)).length +
      dots.filter((other) => overlap(box, other)).length;
    const [side, box] = boxes.reduce((best, next) => (cost(next[1]) < cost(best[1]) ? next : best));
    sides.set(place, side);
    taken.push(box);
  }
  return sides;
}

/**
 * The cameras to search once a place is left out; none where nothing would be left.
 * @param {Answer} answer
 * @param {Node} node
 */
export const withoutPlace = (answer, node) => answer.searched_cameras.filter((camera) => !node.cameras.includes(camera));

/** A step of an arrow on the plan. @param {string} pressed @param {number} step @returns {[number, number] | null} */
export function arrowed(pressed, step) {
  const ways = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] });
  const way = ways[pressed];
  return way ? [way[0] * step, way[1] * step] : null;
}
