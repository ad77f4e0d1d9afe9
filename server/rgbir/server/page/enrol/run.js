/** What one does in Enrol: add files, send them in groups, stop. It goes on while another part of the page is looked at. */

import { Refusal, ask, form } from "../core/api.js";
import { onForget } from "../core/forget.js";
import { isArchive, isFilm, isImage, isSeen } from "../core/kinds.js";
import { patiently } from "../core/patience.js";
import { makeStore, useStore } from "../core/store.js";
import { t, zone } from "../core/words.js";
import { go, refused, say, store } from "../shell/state.js";
import { filmFields, filmLack, filmOf } from "./films.js";
import { fieldsOf, lack, nextGroup, outcome, sums } from "./rows.js";
import { timeOfName, timeOfPicture } from "./times.js";
import { upload } from "./upload.js";

/** @typedef {import("./rows.js").Row} Row */
/** @typedef {import("./rows.js").Labels} Labels */
/**
 * @typedef {object} State
 * @property {Row[]} rows
 * @property {Labels} labels
 * @property {boolean} confirmed whether the times that files propose were looked at
 * @property {{ field: string, code: string } | null} lack
 * @property {"idle" | "running" | "stopping"} phase
 * @property {number} waits seconds until the next attempt
 * @property {Refusal | null} failure what ended it
 * @property {string[]} strangers names of files that are no images
 * @property {File | null} archive
 * @property {import("./films.js").Film | null} film
 * @property {string} filmLacks what is lacking of it, by its text's name
 * @property {{ what: "archive" | "film", sent: number, total: number } | null} sending
 */

const BEGINNING = 128 * 1024;

/** @type {Labels} */
const NO_LABELS = { camera: "", times: "none", at: "", track: "", identity: "" };

export const enrolment = makeStore(/** @type {State} */ ({
  rows: [],
  labels: NO_LABELS,
  confirmed: false,
  lack: null,
  phase: "idle",
  waits: 0,
  failure: null,
  strangers: [],
  archive: null,
  film: null,
  filmLacks: "",
  sending: null,
}));

/**
 * @template Part
 * @param {(state: State) => Part} select
 */
export const useEnrolment = (select) => useStore(enrolment, select);

/** @param {Partial<Labels>} change */
export function label(change) {
  enrolment.set((state) => ({ labels: { ...state.labels, ...change }, lack: null }));
  if ("times" in change) {
    enrolment.set({ confirmed: false });
    void propose();
  }
}

/** Images become rows; an archive waits for its own button. @param {Iterable<File>} files @param {Map<File, string>} [paths] in the folders that were dropped */
export function addFiles(files, paths = new Map()) {
  const given = [...files];
  const images = given.filter(isImage);
  const archive = given.find(isArchive) ?? null;
  const film = given.find(isFilm) ?? null;
  const rows = images.map((file) => /** @type {Row} */ ({
    id: crypto.randomUUID?.() ?? String(Math.random()),
    file,
    name: paths.get(file) ?? (file.webkitRelativePath || file.name),
    url: isSeen(file) ? URL.createObjectURL(file) : "",
    shows: isSeen(file),
    proposed: null,
    state: "waiting",
    reason: null,
  }));
  enrolment.set((state) => ({
    rows: [...state.rows, ...rows],
    archive: archive ?? state.archive,
    film: film ? filmOf(film, state.labels.camera) : state.film,
    filmLacks: "",
    strangers: given.filter((file) => !isImage(file) && !isArchive(file) && !isFilm(file)).map((file) => file.name),
    lack: null,
    failure: null,
  }));
  void propose();
}

/** @param {string} id */
export function removeRow(id) {
  const row = enrolment.get().rows.find((each) => each.id === id);
  if (row?.url) URL.revokeObjectURL(row.url);
  enrolment.set((state) => ({ rows: state.rows.filter((each) => each.id !== id) }));
}

/** A file that browsers can't draw after all. @param {string} id */
export const unseen = (id) => enrolment.set((state) => ({ rows: state.rows.map((row) => (row.id === id ? { ...row, shows: false } : row)) }));

/** A new list; what is enrolled stays enrolled. */
export function clear() {
  for (const row of enrolment.get().rows) if (row.url) URL.revokeObjectURL(row.url);
  enrolment.set({ rows: [], failure: null, strangers: [], lack: null, confirmed: false });
}

let round = 0;

/** Looks into names or files for times, a few at a time. */
async function propose() {
  const mine = ++round;
  const { rows, labels } = enrolment.get();
  /** @type {Map<string, string | null>} */
  const found = new Map();
  const put = () => {
    enrolment.set((state) => ({ rows: state.rows.map((row) => (found.has(row.id) ? { ...row, proposed: found.get(row.id) ?? null } : row)) }));
    found.clear();
  };
  for (const row of rows) {
    if (row.state !== "waiting") continue;
    let time = null;
    if (labels.times === "name") time = timeOfName(row.file.name, zone());
    if (labels.times === "file") {
      time = timeOfPicture(await row.file.slice(0, BEGINNING).arrayBuffer().catch(() => new ArrayBuffer(0)), zone());
      time ??= new Date(row.file.lastModified).toISOString();
      if (mine !== round) return;
    }
    found.set(row.id, time);
    if (found.size === 64) put();
  }
  put();
}

const BUSY = {
  busy: (/** @type {Refusal} */ { status, retryAfter }) => [409, 429, 503].includes(status) && retryAfter !== null,
  goesOn: () => enrolment.get().phase === "running",
  onWait: (/** @type {number} */ waits) => enrolment.set({ waits }),
};

/** Sends what waits, a group at a time, until nothing waits or somebody stops it. */
export async function enrol() {
  const state = enrolment.get();
  if (state.phase !== "idle") return;
  const missing = lack(state.labels, state.rows, state.confirmed);
  enrolment.set({ lack: missing });
  if (missing) return;
  const labels = { ...state.labels };
  enrolment.set({ phase: "running", failure: null });
  addEventListener("beforeunload", asks);
  let most = Infinity;
  let tenths = 0;
  try {
    while (enrolment.get().phase === "running") {
      const group = nextGroup(enrolment.get().rows, Number.isFinite(most) ? { images: most } : {});
      if (group.length === 0) break;
      mark(group, { state: "sending", reason: null });
      try {
        const { results } = /** @type {any} */ (await patiently(() => ask("gallery/sightings", { method: "POST", body: form(fieldsOf(group, labels)) }), BUSY));
        group.forEach((row, place) => mark([row], results[place] ? outcome(results[place]) : { state: "waiting", reason: null }));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        mark(group, { state: "waiting", reason: null });
        // A server that takes less at once gets less; one image that is too large by itself is skipped with its reason.
        if ([400, 413, 422].includes(error.status) && group.length > 1) most = Math.ceil(group.length / 2);
        else if (error.status === 413) mark(group, { state: "skipped", reason: error.message });
        else {
          enrolment.set({ failure: error });
          refused(error);
          break;
        }
      }
      const sum = sums(enrolment.get().rows);
      if (Math.floor((10 * sum.done) / sum.total) > tenths) {
        tenths = Math.floor((10 * sum.done) / sum.total);
        say(t("progress.of", { done: sum.done, n: sum.total }));
      }
    }
  } finally {
    removeEventListener("beforeunload", asks);
    enrolment.set({ phase: "idle", waits: 0 });
    void ask("gallery").then((gallery) => store.set({ gallery }), () => {});
  }
}

// Whoever signs out stops what is on its way, and leaves no picture behind.
onForget(() => {
  stop();
  stopArchive();
  clear();
  enrolment.set({ labels: NO_LABELS, archive: null, film: null });
});

/** Ends it after the images that are on their way; what is in stays in. */
export const stop = () => enrolment.get().phase === "running" && enrolment.set({ phase: "stopping" });

/** @param {Row[]} group @param {Pick<Row, "state" | "reason">} change */
function mark(group, change) {
  const ids = new Set(group.map((row) => row.id));
  enrolment.set((state) => ({ rows: state.rows.map((row) => (ids.has(row.id) ? { ...row, ...change } : row)) }));
}

/** Leaving asks while images or an archive are on their way. @param {BeforeUnloadEvent} event */
const asks = (event) => event.preventDefault();

/** @type {AbortController | null} */
let archiving = null;

/** Sends the archive; its job goes on by itself. */
export async function sendArchive() {
  const { archive } = enrolment.get();
  if (archive) await sendFile("archive", "gallery/jobs", archive.size, form({ archive }));
}

/** Sends the film; its job goes on by itself. */
export async function sendFilm() {
  const { film } = enrolment.get();
  if (!film) return;
  const filmLacks = filmLack(film, store.get().me?.needs_purpose ?? false);
  enrolment.set({ filmLacks });
  if (!filmLacks) await sendFile("film", "gallery/footage", film.file.size, form(filmFields(film, zone())));
}

/** @param {Partial<import("./films.js").Film>} change */
export const changeFilm = (change) => enrolment.set(({ film }) => ({ film: film && { ...film, ...change }, filmLacks: "" }));
export const dropFilm = () => enrolment.set({ film: null });

/** @param {"archive" | "film"} what @param {string} path @param {number} size @param {FormData} body */
async function sendFile(what, path, size, body) {
  if (archiving) return;
  archiving = new AbortController();
  enrolment.set({ sending: { what, sent: 0, total: size }, failure: null });
  addEventListener("beforeunload", asks);
  try {
    const job = await upload(path, body, (sent, total) => enrolment.set({ sending: { what, sent, total } }), archiving.signal);
    enrolment.set({ [what]: null });
    if (store.get().route.path.startsWith("/enrol")) go(`#/enrol/jobs/${encodeURIComponent(job.id)}`);
  } catch (error) {
    if (!(error instanceof Refusal)) return; // stopped
    enrolment.set({ failure: error });
    refused(error);
  } finally {
    archiving = null;
    removeEventListener("beforeunload", asks);
    enrolment.set({ sending: null });
  }
}

export const stopArchive = () => archiving?.abort();
export const dropArchive = () => enrolment.set({ archive: null });
