/** What was dropped, folders with all that is below them: files with their paths, in order. */

import { guessed } from "../search/question.js";

/** @typedef {{ file: File, path: string }} Dropped */

/**
 * @param {DataTransfer | null} given its entries are gone once the event is over, so they are taken at once
 * @returns {Promise<Dropped[]>} what can't be read is left out
 */
export async function dropped(given) {
  const items = [...(given?.items ?? [])].filter((item) => item.kind === "file");
  const taken = items.map((item) => ({ entry: item.webkitGetAsEntry?.() ?? null, file: item.getAsFile() }));
  if (taken.length === 0) return [...(given?.files ?? [])].map((file) => ({ file, path: file.name }));
  /** @type {Dropped[]} */
  const found = [];
  for (const { entry, file } of taken) {
    if (entry?.isDirectory) await walk(entry, found);
    else if (file) found.push({ file, path: file.name });
  }
  return found;
}

/** @param {FileSystemEntry} entry @param {Dropped[]} found */
async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((done) => /** @type {FileSystemFileEntry} */ (entry).file(done, () => done(null)));
    if (file) found.push({ file, path: entry.fullPath.replace(/^\/+/, "") });
    return;
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  /** @type {FileSystemEntry[]} */
  const inside = [];
  // A reader tells some entries at a time, and none at the end.
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((done) => reader.readEntries(done, () => done([])));
    if (some.length === 0) break;
    inside.push(...some);
  }
  inside.sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const each of inside) await walk(each, found);
}

/**
 * The camera whose name a file's folder has, if its path tells.
 * @param {string} path
 * @param {{ id: string, aliases?: string[] }[]} cameras
 */
export const cameraOfFolder = (path, cameras) => (path.includes("/") ? guessed(path.slice(0, path.lastIndexOf("/")), cameras) : null);
