/** From a case to what is shown of it, and from its searches back to questions. Pure: these are what the unit tests test. */

import { PLAIN } from "../search/question.js";

/** @typedef {import("../core/types.js").Answer} Answer */
/** @typedef {import("../core/types.js").Case} Case */
/** @typedef {import("../core/types.js").CaseAnswer} CaseAnswer */
/** @typedef {import("../core/types.js").CaseHead} CaseHead */
/** @typedef {import("../core/types.js").CaseMark} CaseMark */
/** @typedef {import("../core/types.js").CasePicture} CasePicture */
/** @typedef {import("../core/types.js").Hit} Hit */
/** @typedef {import("../search/question.js").Question} Question */
/** @typedef {"same" | "unsure" | "different"} MarkKind */
/** @typedef {{ mark: MarkKind, note: string, n: number }} Standing `n`: the mark's number; 0 where no case keeps it */
/** @typedef {ReadonlyMap<string, Standing>} Marks by the sighting's id */

/** In the order in which they stand on buttons. @type {readonly MarkKind[]} */
export const KINDS = ["same", "unsure", "different"];

/**
 * The mark that holds for each picture: the last one that wasn't taken back.
 * @param {readonly CaseMark[]} marks
 * @returns {Map<string, CaseMark>}
 */
export const standing = (marks) => new Map(marks.filter((mark) => !mark.withdrawn_at).map((mark) => [mark.picture, mark]));

/**
 * The marks that hold, by sighting; those of pictures that are erased or blank have none.
 * @param {Pick<Case, "marks" | "pictures">} of
 * @returns {Marks}
 */
export function bySighting({ marks, pictures }) {
  const sightings = new Map(pictures.map((picture) => [picture.id, picture.sighting]));
  const entries = [...standing(marks)].flatMap(([picture, mark]) => {
    const sighting = sightings.get(picture);
    return sighting && mark.mark ? [/** @type {[string, Standing]} */ ([sighting, { mark: mark.mark, note: mark.note, n: mark.n }])] : [];
  });
  return new Map(entries);
}

/** @param {Marks} marks @returns {Record<MarkKind, number>} */
export function counted(marks) {
  const count = { same: 0, unsure: 0, different: 0 };
  for (const { mark } of marks.values()) count[mark] += 1;
  return count;
}

/** The strongest of some marks: same before unsure before different. @param {Iterable<MarkKind | undefined>} marks */
export function strongest(marks) {
  const there = new Set(marks);
  return KINDS.find((kind) => there.has(kind));
}

/** @typedef {{ picture: CasePicture, mark: CaseMark | undefined }} Event */

/**
 * The course of a case: its queries and the hits that nobody ruled out, in order of time; those without a time come last. Hits with a
 * blank mark are left out, since nobody is told what was decided.
 * @param {Case} of
 * @returns {Event[]}
 */
export function course({ pictures, marks }) {
  const holds = standing(marks);
  const time = (/** @type {CasePicture} */ picture) => (picture.taken_at ? Date.parse(picture.taken_at) : Infinity);
  return pictures
    .map((picture) => ({ picture, mark: holds.get(picture.id) }))
    .filter(({ picture, mark }) => picture.kind === "query" || (mark?.mark && mark.mark !== "different"))
    .sort((left, right) => time(left.picture) - time(right.picture) || left.picture.added_at.localeCompare(right.picture.added_at));
}

/**
 * The hits of a case by mark; one whose marks were all taken back stands by itself, and so does one whose mark is not for the key.
 * @param {Case} of
 * @returns {{ kind: MarkKind | "blank" | "none", events: Event[] }[]} those that there are
 */
export function byMark({ pictures, marks }) {
  const holds = standing(marks);
  const hits = pictures.filter(({ kind }) => kind === "hit").map((picture) => ({ picture, mark: holds.get(picture.id) }));
  const kinds = /** @type {(MarkKind | "blank" | "none")[]} */ ([...KINDS, "blank", "none"]);
  return kinds.map((kind) => ({ kind, events: hits.filter(({ mark }) => (mark ? (mark.mark ?? "blank") : "none") === kind) })).filter(({ events }) => events.length > 0);
}

/** May add to it. @param {CaseHead | null} head */
export const mayWork = (head) => head !== null && head.access !== "read" && head.state !== "closed";

/** May change its head. @param {CaseHead} head */
export const mayOwn = ({ access }) => access === "own" || access === "administer";

/**
 * What keeps a case from being searched for, as the code of a text; none if nothing does.
 * @param {CaseHead | null} head
 */
export function barred(head) {
  if (!head) return null;
  if (head.state === "closed") return "case.closed";
  if (head.approval && !head.approval.at) return "case.waits";
  return head.access === "read" ? "case.reader" : null;
}

/**
 * Cases as they are listed: what waits for an approval, what is open, what is closed.
 * @param {readonly CaseHead[]} heads
 */
export const grouped = (heads) => ["open", "waiting", "closed"].map((state) => ({ state, heads: heads.filter((head) => head.state === state) }));

/**
 * What stands at the top right of a card: "was 7", or that it is new.
 * @param {Pick<Hit, "rank" | "plain_rank" | "new">} hit
 * @param {boolean} refined whether marks were heeded
 * @returns {{ code: "refined.new" } | { code: "refined.was", r: number } | null}
 */
export function moved(hit, refined) {
  if (!refined) return hit.new ? { code: "refined.new" } : null;
  if (typeof hit.plain_rank !== "number") return { code: "refined.new" };
  return hit.plain_rank === hit.rank ? null : { code: "refined.was", r: hit.plain_rank };
}

/** Whether an answer heeds marks. @param {Pick<Answer, "case"> | null} answer */
export const isRefined = (answer) => Boolean(answer?.case && (answer.case.same ?? 0) + (answer.case.different ?? 0) > 0);

/** How many hits an answer with marks has that were none before, and how many have another rank. @param {readonly Hit[]} hits */
export function changes(hits) {
  const codes = hits.map((hit) => moved(hit, true)?.code);
  return { fresh: codes.filter((code) => code === "refined.new").length, moved: codes.filter((code) => code === "refined.was").length };
}

/**
 * Hits that no earlier search had, of searches since the last look, with the search that brings them.
 * @param {Pick<Case, "searches" | "looked">} of
 */
export function unseen({ searches, looked }) {
  const later = searches.filter((search) => search.n > (looked ?? 0));
  return { count: later.reduce((sum, search) => sum + (search.new ?? 0), 0), search: later.filter((search) => search.new).at(-1), last: searches.at(-1)?.n ?? 0 };
}

/** @type {Record<string, keyof Question>} the fields of a form by the question's names, where they differ */
const NAMES = { taken_at: "at", least_score: "least", group_by: "group", top_k: "k" };
const MOMENTS = ["at", "since", "until"];

/**
 * The question of a search that a case keeps.
 * @param {Pick<import("../core/types.js").CaseSearch, "options" | "like">} search
 * @returns {Question}
 */
export function questionOf({ options, like }) {
  const question = { ...PLAIN, like: like ?? "" };
  for (const [field, value] of Object.entries(options)) {
    const name = NAMES[field] ?? field;
    if (!(name in PLAIN) || value === null) continue;
    Object.assign(question, { [name]: MOMENTS.includes(name) ? new Date(String(value)).toISOString() : value });
  }
  // A known camera says whether it sees infrared, and a sighting says everything of the query.
  if (question.camera) question.modality = "";
  if (question.like) Object.assign(question, { camera: "", modality: "", at: "" });
  return question;
}

/**
 * A search's answer as it was given; hits that are gone, or aren't the key's, are left away.
 * @param {CaseAnswer} kept
 * @param {Pick<CaseHead, "id" | "number">} head
 * @returns {Answer}
 */
export function answerOf(kept, head) {
  return /** @type {Answer} */ ({
    ...kept,
    hits: kept.ranking.filter((hit) => hit !== null),
    milliseconds: {},
    detected: [],
    warnings: [],
    case: { id: head.id, number: head.number, search: kept.n, queries: kept.queries, same: kept.same, different: kept.different, new: kept.new ?? 0 },
  });
}

/**
 * A case's course as an answer, so that the timeline and the plan draw it. Ranks are those that the hits had when they were marked.
 * @param {Case} of
 * @param {import("../core/types.js").Network | null} network
 */
export function asAnswer(of, network) {
  const shown = course(of).filter(({ picture }) => !picture.blank && !picture.erased_at);
  const query = shown.find(({ picture }) => picture.kind === "query")?.picture;
  const hits = shown
    .filter(({ picture }) => picture.kind === "hit")
    .map(({ picture, mark }, place) => ({ ...picture, id: picture.sighting ?? picture.id, rank: mark?.rank ?? place + 1, distance: 0, score: 0, others: 0, source: picture.name }));
  const cameras = new Set([...(query?.camera ? [query.camera] : []), ...hits.flatMap(({ camera }) => camera ?? [])]);
  const answer = {
    hits,
    query: { camera: query?.camera ?? null, place: query?.place ?? null, modality: query?.modality ?? null },
    searched_cameras: (network?.cameras ?? []).map(({ id }) => id).filter((id) => cameras.has(id)),
    excluded_cameras: [],
  };
  return { answer: /** @type {Answer} */ (/** @type {unknown} */ (answer)), query };
}

/** Names separated by commas or lines, each once. @param {string} text */
export const namesOf = (text) => [...new Set(text.split(/[,;\n]/).map((name) => name.trim()).filter(Boolean))];

/**
 * @typedef {{ number: string, title: string, purpose: string, basis: string, days: string, readers: string, workers: string, approver: string }} Draft of a new case
 */

/**
 * What a new case lacks: the field, and the text that says it.
 * @param {Draft} draft
 * @param {{ needs_basis?: boolean }} me
 * @param {string} name of whoever makes it
 * @returns {{ field: keyof Draft, code: string } | null}
 */
export function lackOfCase(draft, me, name) {
  for (const field of /** @type {("number" | "title" | "purpose")[]} */ (["number", "title", "purpose"])) if (!draft[field].trim()) return { field, code: `new.need.${field}` };
  if (me.needs_basis && !draft.basis.trim()) return { field: "basis", code: "new.need.basis" };
  const days = Number(draft.days);
  if (draft.days.trim() && !(Number.isInteger(days) && days >= 1 && days <= 36500)) return { field: "days", code: "new.need.days" };
  const readers = namesOf(draft.readers);
  if (namesOf(draft.workers).some((worker) => readers.includes(worker))) return { field: "workers", code: "new.need.once" };
  if (draft.approver.trim() && draft.approver.trim() === name) return { field: "approver", code: "new.need.second" };
  return null;
}

/** The fields of `POST /cases`. @param {Draft} draft */
export const caseFields = (draft) => ({
  number: draft.number.trim(),
  title: draft.title.trim(),
  purpose: draft.purpose.trim(),
  basis: draft.basis.trim(),
  keep_days: draft.days.trim(),
  readers: namesOf(draft.readers),
  workers: namesOf(draft.workers),
  approver: draft.approver.trim(),
});
