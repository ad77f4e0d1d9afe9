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

/**
 * The request of a page of the log.
 * @param {URLSearchParams} params of the address: `case`, `after`
 * @param {number} limit
 */
export function auditPath(params, limit) {
  const query = new URLSearchParams({ after: String(afterOf(params)), limit: String(limit) });
  const wanted = params.get("case");
  if (wanted) query.set("case", wanted);
  return `audit?${query}`;
}

/** The number after which entries are shown. @param {URLSearchParams} params */
export function afterOf(params) {
  const number = Number(params.get("after"));
  return Number.isSafeInteger(number) && number > 0 ? number : 0;
}
