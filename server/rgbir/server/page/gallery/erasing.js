/** Erasing sightings: first what it would remove and where else the erased may be, then, if that is still so, each of them. */

import { Refusal, ask } from "../core/api.js";

/**
 * @typedef {object} Affected
 * @property {string[]} ids that are still there
 * @property {{ name: string, made_at: string }[]} backups made before, which may hold them
 * @property {Record<string, number>} others of them in galleries of other models
 * @property {string[]} archives received and not enrolled yet, which may hold them
 */
/** @typedef {(done: number, total: number) => void} Progress */

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
  for (const [done, id] of ids.entries()) {
    onProgress?.(done, ids.length);
    const removed = await erased(id, true, signal);
    if (!removed?.removed) continue;
    affected.ids.push(id);
    for (const backup of removed.backups ?? []) if (!affected.backups.some(({ name }) => name === backup.name)) affected.backups.push(backup);
    for (const [model, count] of Object.entries(removed.others ?? {})) affected.others[model] = (affected.others[model] ?? 0) + count;
    affected.archives = [...new Set([...affected.archives, ...removed.archives])];
  }
  return affected;
}

/**
 * Erases them, if as many are still there as somebody confirmed.
 * @param {readonly string[]} ids
 * @param {number} confirmed how many
 * @param {Progress} onProgress
 * @param {AbortSignal} signal after which no further one is erased
 * @returns {Promise<{ changed: Affected } | { removed: number, unreached: string[] }>}
 */
export async function erase(ids, confirmed, onProgress, signal) {
  const now = await tried(ids, undefined, signal);
  if (now.ids.length !== confirmed) return { changed: now };
  let removed = 0;
  /** @type {Set<string>} */
  const unreached = new Set();
  for (const id of now.ids) {
    if (signal.aborted) break;
    onProgress(removed, confirmed);
    const answer = await erased(id, false);
    removed += answer?.removed ?? 0;
    for (const model of answer?.unreached ?? []) unreached.add(model);
  }
  return { removed, unreached: [...unreached] };
}

/**
 * @param {string} id
 * @param {boolean} dry
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>} null where it is gone already
 */
async function erased(id, dry, signal) {
  try {
    return await ask(`gallery/sightings/${encodeURIComponent(id)}${dry ? "?dry_run=true" : ""}`, { method: "DELETE", signal });
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) return null;
    throw error;
  }
}
