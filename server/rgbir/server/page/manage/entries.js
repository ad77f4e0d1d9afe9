/** Entries of the audit log as rows of a table. Pure. Who, when, what, case, why, hits; nothing of an entry is left out. */

/** @typedef {Record<string, any>} Entry */

/** What an entry is about, in its own words. @param {Entry} entry */
export function subject(entry) {
  const parts = [];
  if (entry.camera) parts.push(String(entry.camera));
  if (entry.model) parts.push(entry.before ? `${String(entry.before)} → ${String(entry.model)}` : String(entry.model));
  if (entry.sighting) parts.push(String(entry.sighting));
  if (entry.key) parts.push(String(entry.key));
  if (entry.job) parts.push(String(entry.job));
  if (entry.conditions) parts.push(...Object.entries(entry.conditions).map(([name, value]) => `${name} ${Array.isArray(value) ? value.join(", ") : value}`));
  if (entry.query?.like) parts.push(String(entry.query.like));
  if (entry.options) parts.push(...Object.entries(entry.options).map(([name, value]) => `${name} ${Array.isArray(value) ? value.join(", ") : typeof value === "object" && value !== null ? JSON.stringify(value) : value}`));
  return [...new Set(parts)].join("; ");
}

/** How many hits were answered, or sightings erased; null where that means nothing. @param {Entry} entry */
export function hitsOf(entry) {
  if (Array.isArray(entry.hits)) return entry.hits.flat().length;
  return typeof entry.removed === "number" ? entry.removed : null;
}

/** @param {Entry[]} entries as lines of JSON, as they came */
export const linesOf = (entries) => entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");

/** What the log is asked for, as the address and the request name it. */
export const FILTERS = /** @type {const} */ (["who", "action", "case", "since", "until"]);

/** Actions that are told in words, as the log names them. */
export const ACTIONS = [
  "search", "explain", "distances", "embed", "look", "browse", "enrol", "enrol archive", "preview erase", "erase", "erased", "change camera", "changed camera",
  "prepare model", "activate model", "activated model", "forget model", "add key", "added key", "end key", "ended key", "continued",
];

/** The code of an action's text. @param {unknown} action */
export const actionCode = (action) => `action.${String(action).replaceAll(" ", "_")}`;

/**
 * The request of a page of the log.
 * @param {URLSearchParams} params of the address: `after` and filters
 * @param {number} limit
 */
export function auditPath(params, limit) {
  const query = new URLSearchParams({ after: String(afterOf(params)), limit: String(limit) });
  for (const [name, value] of Object.entries(filtersOf(params))) query.set(name, value);
  return `audit?${query}`;
}

/** Filters that are set; a moment that is none isn't. @param {URLSearchParams} params @returns {Record<string, string>} */
export function filtersOf(params) {
  const set = FILTERS.map((name) => [name, params.get(name) ?? ""]).filter(([name, value]) => value && (!["since", "until"].includes(name) || !Number.isNaN(Date.parse(value))));
  return Object.fromEntries(set);
}

/** The number after which entries are shown. @param {URLSearchParams} params */
export function afterOf(params) {
  const number = Number(params.get("after"));
  return Number.isSafeInteger(number) && number > 0 ? number : 0;
}
