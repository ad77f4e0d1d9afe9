/** Pictures of Compare, fetched ahead: the next and the previous one are there before they are asked for. */

import { key, request } from "../core/api.js";
import { onForget } from "../core/forget.js";

const MOST = 12;

/** @type {Map<string, Promise<string>>} */
const there = new Map();

/**
 * An address under which the browser has the picture.
 * @param {string} path
 * @returns {Promise<string>}
 */
export function pictureAt(path) {
  const known = there.get(path);
  if (known) {
    there.delete(path);
    there.set(path, known);
    return known;
  }
  const coming = fetched(path);
  there.set(path, coming);
  coming.catch(() => there.delete(path));
  while (there.size > MOST) forget(/** @type {string} */ (there.keys().next().value));
  return coming;
}

/** @param {(string | null | undefined)[]} paths */
export function fetchAhead(paths) {
  for (const path of paths) if (path) pictureAt(path).catch(() => {});
}

export function forgetAll() {
  for (const path of [...there.keys()]) forget(path);
}

onForget(forgetAll);

/** @param {string} path */
function forget(path) {
  there.get(path)?.then((url) => url.startsWith("blob:") && URL.revokeObjectURL(url), () => {});
  there.delete(path);
}

/** @param {string} path */
async function fetched(path) {
  if (key.get()) return URL.createObjectURL(await (await request(path)).blob());
  const image = new Image();
  image.src = path;
  await image.decode();
  return path;
}
