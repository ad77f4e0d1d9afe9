/** The rows of Enrol: one an image, from its file to what the server made of it. Pure. */

/** @typedef {"waiting" | "sending" | "added" | "present" | "relabelled" | "skipped"} State */
/**
 * @typedef {object} Row
 * @property {string} id
 * @property {File} file
 * @property {string} name
 * @property {string} url for its thumbnail
 * @property {boolean} shows whether browsers can draw it
 * @property {string | null} proposed when it was taken, as its name or file proposes
 * @property {State} state
 * @property {string | null} reason
 */
/** @typedef {{ camera: string, times: "none" | "name" | "file" | "hand", at: string, track: string, identity: string }} Labels */

/** Images and bytes of one request: well below what a server takes unless it was told otherwise. */
const TOGETHER = 16;
const BYTES = 24 * 1024 * 1024;

/**
 * The next rows that are sent in one request: those that wait, in their order.
 * @template {{ state: string, file: { size: number } }} Each
 * @param {readonly Each[]} rows
 * @param {{ images?: number, bytes?: number }} [most]
 * @returns {Each[]} an image that is too large by itself is sent alone, so that the server says so
 */
export function nextGroup(rows, { images = TOGETHER, bytes = BYTES } = {}) {
  /** @type {Each[]} */
  const group = [];
  let size = 0;
  for (const row of rows) {
    if (row.state !== "waiting") continue;
    if (group.length === images || (group.length > 0 && size + row.file.size > bytes)) break;
    group.push(row);
    size += row.file.size;
  }
  return group;
}

/**
 * When an image was taken, by the way that was chosen.
 * @param {{ proposed: string | null }} row
 * @param {Labels} labels
 */
export function takenAt(row, labels) {
  if (labels.times === "hand") return labels.at;
  return labels.times === "none" ? "" : (row.proposed ?? "");
}

/**
 * The fields of `POST /gallery/sightings`; a moment an image, empty where it isn't known.
 * @param {readonly Row[]} group
 * @param {Labels} labels
 */
export function fieldsOf(group, labels) {
  const times = group.map((row) => takenAt(row, labels));
  return {
    images: group.map((row) => row.file),
    camera: labels.camera,
    taken_at: times.some(Boolean) ? times : null,
    identity: labels.identity.trim(),
    track: labels.track.trim(),
  };
}

/**
 * What a result makes of a row. An image whose labels stay as they were is already there, with the reason.
 * @param {{ status: string, reason?: string | null }} result
 * @returns {{ state: State, reason: string | null }}
 */
export function outcome({ status, reason = null }) {
  if (status === "skipped") return { state: "skipped", reason };
  if (reason) return { state: "relabelled", reason };
  return { state: status === "added" ? "added" : "present", reason: null };
}

/**
 * @param {readonly { state: State }[]} rows
 * @returns {Record<State, number> & { total: number, done: number }}
 */
export function sums(rows) {
  const counts = { waiting: 0, sending: 0, added: 0, present: 0, relabelled: 0, skipped: 0 };
  for (const row of rows) counts[row.state] += 1;
  return { ...counts, total: rows.length, done: rows.length - counts.waiting - counts.sending };
}

/**
 * What keeps images from being enrolled, as the code of a text.
 * @param {Labels} labels
 * @param {readonly Row[]} rows
 * @param {boolean} confirmed whether proposed times were looked at
 */
export function lack(labels, rows, confirmed) {
  if (!rows.some((row) => row.state === "waiting")) return { field: "files", code: "enrol.need.files" };
  if (!labels.camera) return { field: "camera", code: "enrol.need.camera" };
  if (labels.identity.trim() && !/^\d{1,15}$/.test(labels.identity.trim())) return { field: "identity", code: "enrol.need.identity" };
  if (labels.times === "hand" && !labels.at) return { field: "at", code: "enrol.need.at" };
  if (labels.times === "file" && !confirmed) return { field: "confirmed", code: "enrol.need.confirmed" };
  return null;
}

/** @param {{ state: string }} job */
export const goesOn = (job) => job.state === "waiting" || job.state === "running";

/** The job that an address names; none if it names none, or nothing that can be read. @param {string} path */
export function jobOf(path) {
  const name = /^\/enrol\/jobs\/(.+)$/.exec(path)?.[1] ?? "";
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
