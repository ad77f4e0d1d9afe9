/** Erasing sightings: first what it would remove and where else the erased may be, then, if that is still so, all at once. */

import { ask } from "../core/api.js";

/**
 * @typedef {object} Affected
 * @property {string[]} ids that are still there
 * @property {{ name: string, made_at: string }[]} backups made before, which may hold them
 * @property {Record<string, number>} others of them in galleries of other models
 * @property {string[]} archives received and not enrolled yet, which may hold them
 */
/** @typedef {import("../core/types.js").Schemas["Removed"]} Removed */
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
  const affected = { ids: [], backups: [], others: {}, archives: [] };
  for (let done = 0; done < ids.length; done += AT_ONCE) {
    onProgress?.(done, ids.length);
    const some = ids.slice(done, done + AT_ONCE);
    const { unknown = [], backups = [], others = {}, archives = [] } = await erased(some, true, signal);
    affected.ids.push(...some.filter((id) => !unknown.includes(id)));
    for (const backup of backups) if (!affected.backups.some(({ name }) => name === backup.name)) affected.backups.push(backup);
    for (const [model, count] of Object.entries(others)) affected.others[model] = (affected.others[model] ?? 0) + count;
    affected.archives = [...new Set([...affected.archives, ...archives])];
  }
  return affected;
}

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
