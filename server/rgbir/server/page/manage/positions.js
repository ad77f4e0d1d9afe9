/** Places that were moved on the plan: where they are drawn, and what is to be saved of their cameras. Pure. */

import { positionOf } from "../plan/model.js";
import { stayAt } from "./stays.js";

/** @typedef {import("../core/types.js").CameraInfo} CameraInfo */
/** @typedef {ReadonlyMap<string, [number, number]>} Moves where places were moved to, in the plan's units */
/** @typedef {{ camera: string, place: string, from: number[] | null, to: [number, number], fields: Record<string, string> }} Save */

/**
 * Nodes where they were moved to.
 * @template {{ place: string, position: [number, number] | null }} Node
 * @param {Node[]} nodes
 * @param {Moves} moves
 */
export const moved = (nodes, moves) => nodes.map((node) => ({ ...node, position: moves.get(node.place) ?? node.position }));

/**
 * The position of each camera at a place that was moved. Cameras of one place keep their distances.
 * @param {readonly CameraInfo[]} cameras
 * @param {Moves} moves
 * @param {Date} now
 * @returns {{ saves: Save[], later: string[] }} `fields` of `PUT /cameras/{camera}`; `later`: cameras whose position can't be said, as
 *   they have been there from the beginning and are known to move later
 */
export function savesOf(cameras, moves, now) {
  /** @type {Save[]} */
  const saves = [];
  const later = [];
  for (const [place, to] of moves) {
    const from = positionOf([...cameras], place);
    for (const camera of cameras) {
      const stay = stayAt(camera, now);
      if (stay.place !== place) continue;
      const hung = stay.position ?? null;
      /** @type {[number, number]} */
      const hangs = hung && from ? [rounded(hung[0] + to[0] - from[0]), rounded(hung[1] + to[1] - from[1])] : to;
      const last = camera.places?.at(-1) ?? stay;
      if (last !== stay && !stay.since) later.push(camera.id);
      else saves.push({ camera: camera.id, place, from: hung, to: hangs, fields: { position: hangs.join(), ...(last === stay ? {} : { place, since: String(stay.since) }) } });
    }
  }
  return { saves, later };
}

const rounded = (/** @type {number} */ value) => Math.round(value * 100) / 100;

/**
 * Walks that go with a camera: those to places that no other camera has or had.
 * @param {{ cameras: readonly CameraInfo[], passages?: readonly { origin: string, destination: string }[] }} network
 * @param {CameraInfo} camera
 */
export function walksGone({ cameras, passages = [] }, camera) {
  const left = new Set(cameras.filter((each) => each.id !== camera.id).flatMap((each) => [each.place, ...(each.places ?? []).map((stay) => stay.place)]));
  return passages.filter((walk) => !left.has(walk.origin) || !left.has(walk.destination));
}
