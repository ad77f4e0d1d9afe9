/** What one does with the case in use: choose it, mark hits in it, take marks back, ask again with them. */

import { Refusal, ask, form, request } from "../core/api.js";
import { changed, format } from "../core/route.js";
import { t } from "../core/words.js";
import { search } from "../search/actions.js";
import { whyNot } from "../shell/failure.js";
import { go, refused, store } from "../shell/state.js";
import { EMPTY, casePath, casing, marksIn } from "./state.js";
import { letterOf, lettersOn } from "./keys.js";
import { isRefined, mayWork } from "./model.js";

/** @typedef {import("./model.js").MarkKind} MarkKind */
/** @typedef {import("../core/types.js").Case} Case */

const MOST_UNDONE = 20;
const TOAST_MS = 10_000;

/** What can be taken back, the last one at the end. @type {{ case: string, sighting: string, n: number, before: import("./model.js").Standing | undefined }[]} */
let steps = [];
/** One after the other, as they were pressed. @type {Promise<void>} */
let queue = Promise.resolve();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let fading;

/** @param {string} text @param {{ undo?: boolean, bad?: boolean }} [how] */
export function tell(text, { undo = false, bad = false } = {}) {
  clearTimeout(fading);
  casing.set({ toast: { text, undo, bad } });
  fading = setTimeout(() => casing.set({ toast: null }), TOAST_MS);
}

/** A toast that has the focus stays. @param {boolean} stays */
export function holdToast(stays) {
  clearTimeout(fading);
  if (!stays) fading = setTimeout(() => casing.set({ toast: null }), TOAST_MS);
}

/** A refusal in words. @param {unknown} error */
export function reason(error) {
  if (!(error instanceof Refusal)) throw error;
  refused(error);
  return whyNot(error);
}

/** Another key knows nothing of what the one before it did. @param {string} who */
export function handOver(who) {
  if (casing.get().who !== who) {
    steps = [];
    casing.set(EMPTY);
  }
  casing.set({ who });
}

/** Looks at the case in use again. */
export async function refresh() {
  const { id } = casing.get();
  if (!id) return;
  try {
    const current = /** @type {Case} */ (await ask(casePath(id)));
    if (casing.get().id === id) casing.set({ id: current.id, current });
  } catch (error) {
    if (casing.get().id !== id) return;
    if (error instanceof Refusal && error.status === 404) {
      await use("");
      tell(t("case.gone"), { bad: true });
    } else reason(error);
  }
}

/**
 * Uses a case from now on, or none.
 * @param {string} id or number, or ""
 */
export async function use(id) {
  if (casing.get().id === id && (id === "" || casing.get().current)) return;
  steps = [];
  casing.set({ id, current: null, pending: new Map(), before: null, stored: null, tabOnly: id ? false : casing.get().tabOnly });
  const { route } = store.get();
  if (route.path === "/search" && (route.params.get("case") ?? "") !== id) go(changed(route, { case: id || null, query: null, search: null }), { replace: true });
  await refresh();
  const { current } = casing.get();
  if (current && !store.get().purpose) store.set({ purpose: current.purpose });
}

/**
 * Marks a hit; asks once into which case, if none is in use.
 * @param {string} sighting
 * @param {MarkKind} mark
 */
export function markHit(sighting, mark) {
  const { id, current, tabOnly } = casing.get();
  if (!id && !tabOnly) return casing.set({ asking: { sighting, mark } });
  if (id && current && !mayWork(current)) return tell(t(current.state === "closed" ? "case.closed" : "case.reader"), { bad: true });
  const note = noteOf(sighting);
  const before = marksIn(casing.get()).get(sighting);
  if (before?.mark === mark && before.note === note) return undefined;
  if (!id) {
    casing.set((state) => ({ tab: new Map(state.tab).set(sighting, { mark, note, n: 0 }) }));
    remember({ case: "", sighting, n: 0, before });
    return tell(t("marked.toast", { mark: t(`mark.${mark}`) }), { undo: true });
  }
  const sent = { mark, note, n: 0 };
  casing.set((state) => ({ pending: new Map(state.pending).set(sighting, sent) }));
  tell(t("marked.toast", { mark: t(`mark.${mark}`) }), { undo: true });
  queue = queue.then(() => send(id, sighting, sent, before));
  return undefined;
}

/** What is typed about a hit, or was noted with its mark. @param {string} sighting */
const noteOf = (sighting) => casing.get().notes[sighting] ?? marksIn(casing.get()).get(sighting)?.note ?? "";

/** @param {string} sighting @param {string} note */
export const typeNote = (sighting, note) => casing.set((state) => ({ notes: { ...state.notes, [sighting]: note } }));

/** @param {(typeof steps)[number]} step */
function remember(step) {
  steps = [...steps, step].slice(-MOST_UNDONE);
}

/** A mark isn't on its way any more, unless it is a later one; and its note isn't typed any more, unless it goes on. @param {string} sighting @param {import("./model.js").Standing} sent */
function settled(sighting, sent) {
  casing.set((state) => {
    const pending = new Map(state.pending);
    if (pending.get(sighting) === sent) pending.delete(sighting);
    const notes = { ...state.notes };
    if (notes[sighting] === sent.note) delete notes[sighting];
    return { pending, notes };
  });
}

/** @param {string} id @param {string} sighting @param {import("./model.js").Standing} sent @param {import("./model.js").Standing | undefined} before */
async function send(id, sighting, sent, before) {
  const { answer } = store.get();
  const hit = answer?.hits.find((each) => each.id === sighting);
  const asked = answer?.case && [answer.case.id, answer.case.number].includes(id) && hit ? answer.case.search : null;
  try {
    const made = /** @type {import("../core/types.js").CaseMark} */ (await ask(casePath(id, "/marks"), { method: "POST", body: form({ mark: sent.mark, sighting, note: sent.note, search: asked }) }));
    const { current } = casing.get();
    if (current && [current.id, current.number].includes(id)) {
      const picture = { kind: "hit", ...hit, place: null, id: made.picture, sighting, added_at: made.at, added_by: made.who };
      const pictures = current.pictures.some((each) => each.id === made.picture) ? current.pictures : [...current.pictures, /** @type {any} */ (picture)];
      casing.set((state) => ({ current: { ...current, pictures, marks: [...current.marks.filter(({ n }) => n !== made.n), made] }, changes: state.changes + 1 }));
    }
    remember({ case: id, sighting, n: made.n, before });
  } catch (error) {
    tell(t("marked.not", { detail: reason(error) }), { bad: true });
  }
  settled(sighting, sent);
}

/** Takes the last mark back. */
export function undo() {
  queue = queue.then(async () => {
    const step = steps.at(-1);
    if (!step) return tell(t("undo.nothing"));
    if (!step.case) {
      casing.set((state) => {
        const tab = new Map(state.tab);
        if (step.before) tab.set(step.sighting, step.before);
        else tab.delete(step.sighting);
        return { tab };
      });
    } else {
      try {
        const taken = /** @type {import("../core/types.js").CaseMark} */ (await ask(casePath(step.case, `/marks/${step.n}`), { method: "DELETE" }));
        casing.set(({ current, changes }) => (current ? { current: { ...current, marks: current.marks.map((mark) => (mark.n === taken.n ? taken : mark)) }, changes: changes + 1 } : {}));
      } catch (error) {
        return tell(t("undo.not", { detail: reason(error) }), { bad: true });
      }
    }
    steps = steps.filter((each) => each !== step);
    return tell(step.before ? t("undo.to", { mark: t(`mark.${step.before.mark}`) }) : t("undo.done"));
  });
  return queue;
}

/** A letter in the hits or the timeline. @param {KeyboardEvent} event @param {string | undefined} sighting that has the focus @returns whether it did something */
export function pressed(event, sighting) {
  const letter = lettersOn() && marking() ? letterOf(event) : null;
  if (!letter || letter === "note") return false;
  if (letter === "undo") void undo();
  else if (sighting) markHit(sighting, letter);
  event.preventDefault();
  return true;
}

/** Whether whoever is here may mark at all. */
export function marking() {
  const rights = /** @type {readonly string[]} */ (store.get().me?.rights ?? []);
  const { id, current } = casing.get();
  return rights.includes("cases") && !(id && current && !mayWork(current));
}

/** Asks again, with what was confirmed as further shots, once every mark has arrived. */
export async function refine() {
  await queue;
  const { answer, answered } = store.get();
  if (answer && answered && !isRefined(answer)) casing.set({ before: { answer, answered } });
  return search({ refine: true });
}

/** The answer as it was before marks were heeded. */
export function asBefore() {
  const { before } = casing.get();
  if (!before) return search();
  const { route } = store.get();
  store.set({ ...before, phase: "idle", failure: null });
  casing.set({ before: null, stored: null });
  go(changed(route, { search: before.answer.case ? String(before.answer.case.search) : null, hit: null }), { replace: true });
  return undefined;
}

/**
 * A picture that a case keeps, as a shot.
 * @param {Case} of
 * @param {string} id of the picture
 * @returns {Promise<import("../core/types.js").Shot | null>} none where it is erased or blank
 */
export async function shotOf(of, id) {
  const picture = of.pictures.find((each) => each.id === id);
  if (!picture?.image) return null;
  const blob = await (await request(casePath(of.id, `/pictures/${encodeURIComponent(id)}/image`))).blob();
  const shows = blob.type !== "image/tiff";
  const file = new File([blob], picture.name || "query", { type: blob.type });
  return { id: crypto.randomUUID?.() ?? String(Math.random()), file, url: URL.createObjectURL(file), box: picture.box ?? null, name: picture.name, shows, kept: { case: of.id, picture: id } };
}

/** The address of a search of a case, with its question. @param {string} id @param {import("../core/types.js").CaseSearch} kept @param {URLSearchParams} params of its question */
export function searchHash(id, kept, params) {
  params.set("case", id);
  for (const query of kept.queries) params.append("query", query);
  params.set("search", String(kept.n));
  return format("/search", params);
}
