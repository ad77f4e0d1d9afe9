/** What one does in Search: add shots, change the question, ask it, take it back. */

import { Refusal, ask, form, request } from "../core/api.js";
import { onForget } from "../core/forget.js";
import { isImage, isSeen } from "../core/kinds.js";
import { patiently } from "../core/patience.js";
import { format } from "../core/route.js";
import { barred, isRefined } from "../cases/model.js";
import { casing } from "../cases/state.js";
import { go, lookAgain, refused, store } from "../shell/state.js";
import { fields, fromParams, guessed, lacks, parted, seen, toParams } from "./question.js";

/** @typedef {import("./question.js").Question} Question */

export const MOST_SHOTS = 8;

/** @type {AbortController | null} */
let running = null;
onForget(cancel);

export const question = () => fromParams(store.get().route.params);

/**
 * A change of the question, kept in the address.
 * @param {Partial<Question>} change
 */
export function change(change) {
  const { route } = store.get();
  go(format("/search", toParams({ ...question(), ...change }, route.params)), { replace: true });
  store.set({ lack: null });
}

/**
 * Pictures that were dropped, pasted or chosen become shots.
 * @param {Iterable<File>} files
 */
export function addShots(files) {
  const given = [...files];
  const images = given.filter(isImage);
  // In place of a sighting that was searched like, and of shots that were set aside for it.
  const anew = question().like !== "";
  const left = MOST_SHOTS - (anew ? 0 : store.get().shots.length);
  const stranger = given.find((file) => !images.includes(file));
  if (stranger) store.set({ lack: { field: "shots", code: "shots.kind", values: { name: stranger.name } } });
  else store.set({ lack: images.length > left ? { field: "shots", code: "shots.most", values: { n: MOST_SHOTS } } : null });
  const shots = images.slice(0, left).map((file) => ({
    id: crypto.randomUUID?.() ?? String(Math.random()),
    file,
    url: URL.createObjectURL(file),
    box: null,
    name: file.webkitRelativePath || file.name,
    shows: isSeen(file),
  }));
  if (!shots.length) return;
  if (anew) {
    change({ like: "" });
    for (const shot of store.get().shots) URL.revokeObjectURL(shot.url);
  }
  store.set((state) => ({ shots: [...(anew ? [] : state.shots), ...shots] }));
}

/** @param {string} id */
export function removeShot(id) {
  const shot = store.get().shots.find((each) => each.id === id);
  if (shot) URL.revokeObjectURL(shot.url);
  store.set((state) => ({ shots: state.shots.filter((each) => each.id !== id) }));
  if (shot?.kept) keepInAddress();
}

/** @param {string} id @param {number[] | null} box left, top, right, bottom in pixels */
export function setBox(id, box) {
  store.set((state) => ({ shots: state.shots.map((shot) => (shot.id === id ? { ...shot, box, kept: null } : shot)) }));
  if (casing.get().id) keepInAddress();
}

/** The camera that the first shot's name speaks of, if it isn't said yet. */
export function guessedCamera() {
  const { shots, network } = store.get();
  return shots.length && network ? guessed(shots[0].name, network.cameras) : null;
}

/** Which shots and boxes were asked with. */
export const shotsNow = () => store.get().shots.map((shot) => `${shot.id} ${shot.box ?? ""}`).join();

/** The case in use, as searches name it; what was typed where the server keeps none. */
const caseName = () => casing.get().id || store.get().case;

/** Why nothing may be asked with the case in use, or without one. */
function barredNow() {
  const { id, current } = casing.get();
  if (!id) return store.get().me?.needs_case ? "need.case" : null;
  return barred(current);
}

/** The address names the pictures that the case in use keeps of the shots. @param {Record<string, string>} [more] parameters */
function keepInAddress(more = {}) {
  const { route, shots } = store.get();
  const params = new URLSearchParams(route.params);
  params.delete("query");
  for (const shot of parted(shots, casing.get().id)[0]) params.append("query", shot.kept?.picture ?? "");
  for (const [name, value] of Object.entries(more)) params.set(name, value);
  go(format("/search", params), { replace: true });
}

/** What a search of a case left there: its pictures' names, and its number. @param {import("../core/types.js").Answer} answer @param {import("../core/types.js").Shot[]} asked the shots, in their order */
function keptBy(answer, asked) {
  const { id } = casing.get();
  if (!answer.case || ![answer.case.id, answer.case.number].includes(id)) return;
  const pictures = answer.case.queries;
  const [kept, sent] = parted(asked, id);
  if (pictures.length === asked.length) {
    const names = new Map([...kept, ...sent].map((shot, place) => [shot.id, pictures[place]]));
    store.set((state) => ({ shots: state.shots.map((shot) => (names.has(shot.id) && asked.includes(shot) ? { ...shot, kept: { case: id, picture: names.get(shot.id) ?? "" } } : shot)) }));
  }
  keepInAddress({ search: String(answer.case.search) });
}

/** Whom the server took in whole pictures: from now on their boxes are asked with. @param {import("../core/types.js").Answer} answer @param {import("../core/types.js").Shot[]} asked */
function took(answer, asked) {
  const detected = answer.detected ?? [];
  if (!detected.length) return;
  const sent = parted(asked, caseName())[1].map((shot) => shot.id);
  store.set((state) => ({ finds: false, shots: seen(state.shots, sent, detected) }));
  store.set((state) => ({ answered: state.answered && { ...state.answered, shots: shotsNow() } }));
}

/** Asks. Whatever was answered before is gone if it fails. @param {{ refine?: boolean }} [how] `refine`: with the marks of the case */
export async function search({ refine = false } = {}) {
  const asked = question();
  const state = store.get();
  const lack = lacks(asked, state.shots.length, { purpose: state.purpose, purposeNeeded: state.me?.needs_purpose ?? false, barred: barredNow() });
  store.set({ lack });
  if (lack) return;
  cancel();
  const mine = new AbortController();
  running = mine;
  go(format("/search", withoutHit(toParams(asked, state.route.params))));
  const shots = shotsNow();
  const given = state.shots;
  casing.set({ stored: null, ...(refine ? {} : { before: null }) });
  store.set({ phase: "searching", failure: null, began: Date.now(), waits: 0 });
  try {
    const answer = await patiently(
      () => {
        const body = form(fields(asked, given, { purpose: store.get().purpose, case: caseName(), refine, finds: state.finds && (state.me?.detects ?? false) }));
        return /** @type {Promise<import("../core/types.js").Answer>} */ (ask("search", { method: "POST", body, signal: mine.signal }));
      },
      {
        busy: ({ status }) => status === 429 || status === 503,
        goesOn: () => running === mine,
        onWait: (left) => store.set({ phase: left ? "waiting" : "searching", waits: left }),
      },
    );
    if (running !== mine) return;
    store.set({ answer, answered: { question: { ...asked, refined: isRefined(answer) }, shots, at: new Date() }, phase: "idle", away: null });
    if (!asked.like) keptBy(answer, given);
    else if (answer.case) keepInAddress({ search: String(answer.case.search) });
    took(answer, given);
    const { gallery } = store.get();
    if (gallery && (gallery.generation !== answer.generation || gallery.fingerprint !== answer.model.fingerprint)) void lookAgain();
  } catch (error) {
    if (running === mine) failed(error);
  }
}

/** No old answer stands beside a question that failed. @param {unknown} error */
function failed(error) {
  if (!(error instanceof Refusal)) throw error;
  store.set({ phase: "failed", failure: error, answer: null, answered: null });
  refused(error);
}

export function cancel() {
  running?.abort();
  running = null;
  if (["searching", "waiting"].includes(store.get().phase)) store.set({ phase: "idle", waits: 0 });
}

/** @param {URLSearchParams} params */
function withoutHit(params) {
  params.delete("hit");
  params.delete("search");
  return params;
}

/** A sample of the demonstration, asked at once. @param {{ name: string, camera: string }} sample */
export async function trySample(sample) {
  /** @type {Blob} */
  let blob;
  try {
    blob = await (await request(`samples/${encodeURIComponent(sample.name)}`)).blob();
  } catch (error) {
    return failed(error);
  }
  for (const shot of store.get().shots) URL.revokeObjectURL(shot.url);
  store.set({ shots: [] });
  addShots([new File([blob], sample.name, { type: blob.type || "image/jpeg" })]);
  change({ camera: sample.camera, modality: "", like: "" });
  await search();
}

/** Searches for the person of a sighting. The shots stay aside, so that one can go back to them. @param {string} id */
export function findSimilar(id) {
  change({ like: id, camera: "", modality: "", at: "" });
  return search();
}
