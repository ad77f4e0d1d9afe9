/** Where one is, as the address's fragment says it: `#/search?camera=3&view=timeline`. Nothing of it reaches a server. */

/** @typedef {{ path: string, params: URLSearchParams }} Route */

/**
 * @param {string} hash with or without the `#`
 * @returns {Route}
 */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  return { path: path.startsWith("/") && path !== "/" ? path.replace(/\/+$/, "") : "/search", params: new URLSearchParams(query) };
}

/**
 * @param {string} path
 * @param {URLSearchParams | Record<string, string | null | undefined>} params empty ones aren't written
 */
export function format(path, params = {}) {
  const entries = params instanceof URLSearchParams ? [...params] : Object.entries(params);
  const query = new URLSearchParams(
    entries.filter((entry) => entry[1] !== null && entry[1] !== undefined && entry[1] !== "").map(([name, value]) => [name, String(value)]),
  ).toString();
  return `#${path}${query ? `?${query}` : ""}`;
}

/**
 * The same place with some parameters changed.
 * @param {Route} route
 * @param {Record<string, string | null | undefined>} changes null takes one out
 */
export function changed(route, changes) {
  const params = new URLSearchParams(route.params);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") params.delete(name);
    else params.set(name, value);
  }
  return format(route.path, params);
}
