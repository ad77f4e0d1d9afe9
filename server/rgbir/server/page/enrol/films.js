/** What is said of a film, as the server takes it. Pure. */

/** Who tells when a film was taken: the film itself, a person, or its name. */
export const CLOCKS = /** @type {const} */ (["film", "hand", "name"]);
/** Recorders whose names of files the server reads. */
export const PATTERNS = ["axis", "hikvision", "reolink", "unix", "unix-ms", "%Y%m%d_%H%M%S", "%Y-%m-%d_%H-%M-%S"];

/** @typedef {{ file: File, camera: string, clock: "film" | "hand" | "name", at: string, pattern: string, zone: string, purpose: string }} Film */

/** @param {File} file @param {string} camera @returns {Film} */
export const filmOf = (file, camera) => ({ file, camera, clock: "film", at: "", pattern: "axis", zone: "", purpose: "" });

/** What is lacking, by its text's name; none where it can be sent. @param {Film} film @param {boolean} wantsPurpose */
export function filmLack(film, wantsPurpose) {
  if (!film.camera) return "film.need.camera";
  if (film.clock === "hand" && !film.at) return "film.need.at";
  return wantsPurpose && !film.purpose.trim() ? "film.need.purpose" : "";
}

/**
 * The fields of `POST /gallery/footage`.
 * @param {Film} film
 * @param {string} zone of the reader, where none was said
 */
export const filmFields = (film, zone) => ({
  film: film.file,
  camera: film.camera,
  start: film.clock === "hand" ? film.at : null,
  name_time: film.clock === "name" ? film.pattern : null,
  zone: film.clock === "name" ? film.zone.trim() || zone : null,
  purpose: film.purpose.trim() || null,
});

/**
 * How far a job is: files of an archive, or seconds of a film. `total` is 0 where nobody knows it yet.
 * @param {{ kind?: string, total: number, added: number, present: number, skipped: number, film?: { seconds?: number | null, seconds_done: number } | null }} job
 */
export function farness(job) {
  if (!job.film) return { done: job.added + job.present + job.skipped, total: job.total };
  return { done: Math.round(job.film.seconds_done), total: Math.round(job.film.seconds ?? 0) };
}
