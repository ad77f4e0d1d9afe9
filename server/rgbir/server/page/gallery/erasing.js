/** Erasing sightings: first what it would remove and where else the erased may be, then, if that is still so, all at once. */

import { ask } from "../core/api.js";

/**
 * @typedef {object} Affected
 * @property {string[]} ids that are still there
 * @property {{ name: string, made_at: string }[]} backups made before, which may hold them
 * @property {Record<string, number>} others of them in galleries of other models
 * @property {string[]} archives received and not enrolled yet, which may hold them
 * @property {InCase[]} cases that hold pictures of them, or of who looks like them
 */
/** @typedef {import("../core/types.js").Schemas["Removed"]} Removed */
/** @typedef {{ number?: string | null, pictures: number, near: number, held: boolean }} InCase `number`: none where the key doesn't see the case; `near`: at least so many */
/** @typedef {(done: number, total: number) => void} Progress */

/** So many ids fit one request. */
const AT_ONCE = 200;

/**
 * What erasing them would mean. Nothing is erased.
 * @param {readonly string[]} ids
 * @param {Progress} [onProgress]
 * @param {AbortSignal} [signal]
 * @returns {Promise<Affected>}
 */
export async function tried(ids, onProgress, signal) {
  /** @type {Affected} */
  const affected = { ids: [], backups: [], others: {}, archives: [], cases: [] };
  for (let done = 0; done < ids.length; done += AT_ONCE) {
    onProgress?.(done, ids.length);
    const some = ids.slice(done, done + AT_ONCE);
    const { unknown = [], backups = [], others = {}, archives = [], cases = [] } = await erased(some, true, signal);
    affected.ids.push(...some.filter((id) => !unknown.includes(id)));
    for (const backup of backups) if (!affected.backups.some(({ name }) => name === backup.name)) affected.backups.push(backup);
    for (const [model, count] of Object.entries(others)) affected.others[model] = (affected.others[model] ?? 0) + count;
    affected.cases = joined(affected.cases, cases);
    affected.archives = [...new Set([...affected.archives, ...archives])];
  }
  return affected;
}

/**
 * What cases hold of several sightings. A picture shows one sighting; the same picture may look like several.
 * @param {readonly InCase[]} some
 * @param {readonly InCase[]} others
 * @returns {InCase[]}
 */
export function joined(some, others) {
  const cases = new Map(some.map((each) => [each.number ?? null, each]));
  for (const each of others) {
    const before = cases.get(each.number ?? null);
    cases.set(each.number ?? null, before ? { ...each, pictures: before.pictures + each.pictures, near: Math.max(before.near, each.near), held: before.held || each.held } : each);
  }
  return [...cases.values()];
}

/** The cases on hold that keep them from being erased. @param {readonly InCase[]} cases */
export const keeping = (cases) => cases.filter(({ held, pictures }) => held && pictures > 0);

/**
 * Erases them, if as many are still there as somebody confirmed.
 * @param {readonly string[]} ids
 * @param {number} confirmed how many
 * @param {Progress} onProgress
 * @param {AbortSignal} signal after which no further ones are erased
 * @returns {Promise<{ changed: Affected } | { removed: number, unreached: string[] }>}
 */
export async function erase(ids, confirmed, onProgress, signal) {
  const now = await tried(ids, undefined, signal);
  if (now.ids.length !== confirmed) return { changed: now };
  let removed = 0;
  /** @type {Set<string>} */
  const unreached = new Set();
  for (let done = 0; done < confirmed && !signal.aborted; done += AT_ONCE) {
    onProgress(done, confirmed);
    const answer = await erased(now.ids.slice(done, done + AT_ONCE), false);
    removed += answer.removed;
    for (const model of answer.unreached ?? []) unreached.add(model);
  }
  return { removed, unreached: [...unreached] };
}

/** @param {readonly string[]} ids @param {boolean} dry @param {AbortSignal} [signal] @returns {Promise<Removed>} */
function erased(ids, dry, signal) {
  const asked = new URLSearchParams(ids.map((id) => ["sighting", id]));
  if (dry) asked.set("dry_run", "true");
  return ask(`gallery/sightings?${asked}`, { method: "DELETE", signal });
}
