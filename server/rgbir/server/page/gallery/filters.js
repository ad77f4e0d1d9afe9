/** Which sightings the gallery shows, as the address keeps it and as the server is asked. Pure. */

/**
 * @typedef {object} Filters
 * @property {string[]} cameras only these; all where it is empty
 * @property {string} since ISO 8601 in UTC, or ""
 * @property {string} until
 * @property {string} track
 * @property {string} identity a number, or ""
 * @property {"newest" | "oldest"} order
 */

/** @type {Filters} */
export const ALL = { cameras: [], since: "", until: "", track: "", identity: "", order: "newest" };
export const BLOCK = 120;

/** @param {URLSearchParams} params @returns {Filters} */
export function fromAddress(params) {
  const moment = (/** @type {string} */ name) => {
    const text = params.get(name) ?? "";
    return Number.isNaN(Date.parse(text)) ? "" : text;
  };
  const identity = params.get("identity") ?? "";
  return {
    cameras: params.getAll("camera").filter(Boolean),
    since: moment("since"),
    until: moment("until"),
    track: params.get("track") ?? "",
    identity: /^\d+$/.test(identity) ? identity : "",
    order: params.get("order") === "oldest" ? "oldest" : "newest",
  };
}

/** @param {Filters} filters */
export function toAddress(filters) {
  const params = new URLSearchParams();
  for (const camera of filters.cameras) params.append("camera", camera);
  for (const name of /** @type {const} */ (["since", "until", "track", "identity"])) if (filters[name]) params.set(name, filters[name]);
  if (filters.order !== ALL.order) params.set("order", filters.order);
  return params;
}

/**
 * The parameters of `GET /gallery/sightings`.
 * @param {Filters} filters
 * @param {string | null} cursor of the block before
 */
export function asked(filters, cursor) {
  const params = new URLSearchParams();
  for (const camera of filters.cameras) params.append("cameras", camera);
  for (const name of /** @type {const} */ (["since", "until", "track", "identity"])) if (filters[name]) params.set(name, filters[name]);
  params.set("order", filters.order);
  params.set("limit", String(BLOCK));
  if (cursor) params.set("cursor", cursor);
  return params;
}

/** What one can take away, by the names of their chips. @param {Filters} filters */
export const setOnes = (filters) =>
  /** @type {{ name: "cameras" | "dates" | "track" | "identity", without: Partial<Filters> }[]} */ ([
    filters.cameras.length > 0 && { name: "cameras", without: { cameras: [] } },
    (filters.since || filters.until) && { name: "dates", without: { since: "", until: "" } },
    filters.track && { name: "track", without: { track: "" } },
    filters.identity && { name: "identity", without: { identity: "" } },
  ].filter(Boolean));
