/** A camera as a form holds it, and what of it is to be sent. Pure. */

/** @typedef {import("../core/types.js").CameraInfo} CameraInfo */
/**
 * @typedef {object} Draft
 * @property {string} id of a new camera; of another one, what it is called from now on
 * @property {string[]} modalities
 * @property {string} place
 * @property {string} since ISO 8601 in UTC; "" is from the beginning
 * @property {string} scene
 * @property {string} x
 * @property {string} y
 * @property {string} aliases separated by commas
 * @property {string} recording the address of its recordings, with places for a moment
 * @property {string} zones parts of its picture that nobody looks at, as the server says them
 */

/** The place where a camera is at a moment. @param {CameraInfo} camera @param {Date} now */
export function stayAt(camera, now) {
  const before = (camera.places ?? []).filter((stay) => !stay.since || new Date(stay.since) <= now);
  return before.at(-1) ?? camera.places?.[0] ?? { place: camera.place, since: null, position: null };
}

/** @param {CameraInfo | null} camera none is a new one @param {Date} now @returns {Draft} */
export function draftOf(camera, now) {
  if (!camera) return { id: "", modalities: ["rgb"], place: "", since: "", scene: "", x: "", y: "", aliases: "", recording: "", zones: "" };
  const position = stayAt(camera, now).position;
  return {
    id: camera.id, modalities: [...camera.modalities], place: camera.place, since: "", scene: camera.scene ?? "",
    x: position ? String(position[0]) : "", y: position ? String(position[1]) : "", aliases: "", recording: camera.recording ?? "", zones: camera.zones ?? "",
  };
}

/**
 * The fields of `PUT /cameras/{camera}`: what isn't sent stays as it is.
 * @param {Draft} draft
 * @param {CameraInfo | null} camera
 * @param {Date} now
 */
export function edit(draft, camera, now) {
  const before = draftOf(camera, now);
  const differs = (/** @type {keyof Draft} */ name) => !camera || String(draft[name]) !== String(before[name]);
  const moves = differs("place") || differs("x") || differs("y") || draft.since !== "";
  return {
    modalities: differs("modalities") ? draft.modalities : null,
    place: moves ? draft.place.trim() : null,
    since: draft.since || null,
    position: (differs("x") || differs("y")) && draft.x.trim() && draft.y.trim() ? `${draft.x.trim()},${draft.y.trim()}` : null,
    scene: differs("scene") ? draft.scene : null,
    name: camera && differs("id") ? draft.id.trim() : null,
    recording: differs("recording") && (camera || draft.recording.trim()) ? draft.recording.trim() || "none" : null,
    zones: differs("zones") && (camera || draft.zones.trim()) ? draft.zones.trim() || "none" : null,
    aliases: draft.aliases.split(",").map((name) => name.trim()).filter(Boolean),
  };
}

/**
 * What keeps a camera from being saved, as the code of a text.
 * @param {Draft} draft
 * @param {CameraInfo | null} camera
 * @param {Date} now
 */
export function lackOf(draft, camera, now) {
  if (!draft.id.trim()) return { field: "id", code: "camera.need.id" };
  if (draft.modalities.length === 0) return { field: "rgb", code: "camera.need.light" };
  if (!draft.place.trim()) return { field: "place", code: "camera.need.place" };
  if ((draft.x.trim() === "") !== (draft.y.trim() === "") || [draft.x, draft.y].some((text) => !Number.isFinite(Number(text)))) return { field: "x", code: "camera.need.position" };
  if (camera && Object.values(edit(draft, camera, now)).every((value) => value === null || (Array.isArray(value) && value.length === 0))) return { field: "place", code: "camera.need.change" };
  return null;
}

/** Passages that begin or end at a place. @param {{ origin: string, destination: string }[]} passages @param {string} place */
export const passagesOf = (passages, place) => passages.filter((walk) => walk.origin === place || walk.destination === place);
