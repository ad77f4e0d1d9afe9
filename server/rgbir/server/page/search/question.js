/** The question: what is asked, as the address keeps it and as a form of `POST /search` sends it. Pure. */

/**
 * @typedef {object} Question
 * @property {string} camera that took the pictures; "" if it isn't known
 * @property {"" | "ir" | "rgb"} modality where the camera isn't known
 * @property {string} at when they were taken, ISO 8601 in UTC
 * @property {string} like a sighting's id in place of pictures
 * @property {string[]} cameras only these
 * @property {string} since
 * @property {string} until
 * @property {string} hours such as 22:00-05:30 Europe/Berlin
 * @property {string} track
 * @property {number} least
 * @property {string} group
 * @property {string} fuse
 * @property {string} rerank none, aim or k-reciprocal
 * @property {string} passages
 * @property {number} k
 * @property {boolean} [refined] of a question that was answered: whether marks were heeded; no part of the address
 */

/** @type {Question} */
export const PLAIN = {
  camera: "", modality: "", at: "", like: "", cameras: [], since: "", until: "", hours: "", track: "",
  least: 0, group: "none", fuse: "best", rerank: "none", passages: "filter", k: 40,
};

/** Names whose values the address may hold, and those of a view that are no part of the question. */
const NAMES = /** @type {(keyof Question)[]} */ (Object.keys(PLAIN));

const whole = (/** @type {number} */ least, /** @type {number} */ most) => (/** @type {unknown} */ value) => Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
const isMoment = (/** @type {unknown} */ value) => !Number.isNaN(Date.parse(String(value)));
const among = (/** @type {string[]} */ ...values) => (/** @type {unknown} */ value) => values.includes(String(value));

export const MOST_HITS = 1000;
export const RERANKERS = ["none", "aim", "k-reciprocal"];

/** What a value of each name is; the others may be any text. @type {Partial<Record<keyof Question, (value: unknown) => boolean>>} */
const KINDS = {
  modality: among("ir", "rgb"),
  at: isMoment,
  since: isMoment,
  until: isMoment,
  hours: (value) => isHours(String(value)),
  least: (value) => Number(value) >= 0 && Number(value) <= 1,
  group: among("none", "identity", "track", "camera"),
  fuse: among("best", "mean"),
  rerank: among(...RERANKERS),
  passages: among("filter", "rank", "off"),
  k: whole(1, MOST_HITS),
};

/** Such as `22:00-05:30 Europe/Berlin`, of a zone that there is. @param {string} text */
function isHours(text) {
  const match = /^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d(?: (\S+))?$/.exec(text);
  try {
    new Intl.DateTimeFormat("en", { timeZone: match?.[3] ?? "UTC" });
  } catch {
    return false;
  }
  return match !== null;
}

/**
 * @param {URLSearchParams} params
 * @returns {Question} what isn't there, or isn't a value of its kind, is the default
 */
export function fromParams(params) {
  const question = { ...PLAIN };
  for (const name of NAMES) {
    const text = params.get(name);
    if (text === null || text === "") continue;
    const usual = PLAIN[name];
    const value = Array.isArray(usual) ? params.getAll(name).filter(Boolean) : typeof usual === "number" ? Number(text) : text;
    if (KINDS[name]?.(value) ?? true) Object.assign(question, { [name]: value });
  }
  return question;
}

/**
 * @param {Question} question
 * @param {URLSearchParams} [others] parameters of the view, kept as they are
 */
export function toParams(question, others = new URLSearchParams()) {
  const params = new URLSearchParams([...others].filter(([name]) => !NAMES.includes(/** @type {keyof Question} */ (name))));
  for (const name of NAMES) {
    const value = question[name];
    if (Array.isArray(value)) for (const each of value) params.append(name, each);
    else if (value !== PLAIN[name]) params.set(name, String(value));
  }
  return params;
}

/** @param {Question} one @param {Question} other */
export const sameQuestion = (one, other) => toParams(one).toString() === toParams(other).toString();

/**
 * What keeps a question from being asked, as the code of a text; none if nothing does.
 * @param {Question} question
 * @param {number} shots
 * @param {{ purpose: string, purposeNeeded: boolean, barred?: string | null }} why `barred`: why the case isn't searched for
 * @returns {{ field: "shots" | "camera" | "purpose" | "dates" | "case", code: string } | null}
 */
export function lacks(question, shots, why) {
  if (shots === 0 && !question.like) return { field: "shots", code: "need.shot" };
  if (!question.like && !question.camera && !question.modality) return { field: "camera", code: "need.camera" };
  if (question.since && question.until && question.since >= question.until) return { field: "dates", code: "dates.turned" };
  if (why.barred) return { field: "case", code: why.barred };
  if (why.purposeNeeded && !why.purpose.trim()) return { field: "purpose", code: "need.purpose" };
  return null;
}

/**
 * The fields of `POST /search`.
 * @param {Question} question
 * @param {{ file: File, box: number[] | null, kept?: { case: string, picture: string } | null }[]} shots those that the case has are named, not sent
 * @param {{ purpose: string, case: string, refine?: boolean, finds?: boolean }} why `finds`: the person is to be found in pictures without boxes
 * @returns {Record<string, unknown>}
 */
export function fields(question, shots, why) {
  const [kept, sent] = parted(shots, why.case.trim());
  const boxed = sent.some((shot) => shot.box);
  return {
    ...(question.like
      ? { like: question.like }
      : {
          images: sent.map((shot) => shot.file),
          query: kept.length ? kept.map((shot) => shot.kept?.picture) : null,
          detect: why.finds && sent.length && !boxed ? "true" : null,
          box: boxed ? sent.map((shot) => (shot.box ? shot.box.join(",") : "")) : null,
          camera: question.camera,
          modality: question.camera ? null : question.modality,
          taken_at: question.at,
        }),
    cameras: question.cameras,
    since: question.since,
    until: question.until,
    hours: question.hours,
    track: question.track,
    least_score: question.least || null,
    group_by: question.group === PLAIN.group ? null : question.group,
    fuse: question.group === "track" && question.fuse !== PLAIN.fuse ? question.fuse : null,
    rerank: question.rerank === PLAIN.rerank ? null : question.rerank,
    passages: question.passages === PLAIN.passages ? null : question.passages,
    top_k: question.k,
    purpose: why.purpose.trim(),
    case: why.case.trim(),
    refine: why.refine ? "true" : null,
  };
}

/**
 * The shots with the boxes that a search took, of those that were sent to be looked through.
 * @template {{ id: string, box: number[] | null }} Shot
 * @param {readonly Shot[]} shots
 * @param {readonly string[]} sent ids, in the order in which they were sent
 * @param {readonly { box: number[], people: { box: number[] }[] }[]} detected of each of them
 * @returns {Shot[]}
 */
export const seen = (shots, sent, detected) =>
  shots.map((shot) => {
    const found = detected[sent.indexOf(shot.id)];
    return found ? { ...shot, box: [...found.box], people: found.people.map((person) => [...person.box]) } : shot;
  });

/**
 * Shots that a case has already, and the others; in that order they are searched with.
 * @template {{ kept?: { case: string, picture: string } | null }} Shot
 * @param {readonly Shot[]} shots
 * @param {string} of the case's id
 * @returns {[Shot[], Shot[]]}
 */
export const parted = (shots, of) => {
  const has = (/** @type {Shot} */ shot) => Boolean(of && shot.kept?.case === of);
  return [shots.filter(has), shots.filter((shot) => !has(shot))];
};

/**
 * The camera whose name a file's folder or name begins with, such as `3_0001.jpg` or `cam3/0001.jpg`.
 * @param {string} path
 * @param {{ id: string, aliases?: string[] }[]} cameras
 */
export function guessed(path, cameras) {
  const words = path.split(/[/\\]/).flatMap((part) => [part, ...part.split(/[_\s.-]/)]);
  const found = cameras.filter((camera) => [camera.id, ...(camera.aliases ?? [])].some((name) => words.some((word) => word === name || word === `cam${name}`)));
  return found.length === 1 ? found[0].id : null;
}
