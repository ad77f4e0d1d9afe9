/** The one store of the page, and what changes it from outside a view: the address, the server, who is signed in. */

import { Refusal, ask, key } from "../core/api.js";
import { parse } from "../core/route.js";
import { makeStore, useStore } from "../core/store.js";
import { LANGUAGES, bestLanguage, speak } from "../core/words.js";

/** @typedef {import("../core/types.js").Answer} Answer */
/** @typedef {import("../core/types.js").Shot} Shot */
/** @typedef {import("../search/question.js").Question} Question */
/**
 * @typedef {object} State
 * @property {import("../core/route.js").Route} route
 * @property {import("../core/words.js").Language} language
 * @property {"light" | "dark"} theme
 * @property {import("../core/types.js").Caller | null} me
 * @property {boolean} signIn whether a key is asked for
 * @property {import("../core/types.js").Network | null} network
 * @property {import("../core/types.js").GalleryInfo | null} gallery
 * @property {{ name: string, camera: string }[]} samples
 * @property {Shot[]} shots
 * @property {string} purpose
 * @property {string} case
 * @property {Answer | null} answer
 * @property {{ question: Question, shots: string, at: Date } | null} answered what the answer answers
 * @property {"idle" | "searching" | "waiting" | "failed"} phase
 * @property {Refusal | null} failure
 * @property {number} waits seconds until the next attempt
 * @property {number} began when the search began, in milliseconds
 * @property {{ field: string, code: string } | null} lack what a question that was sent lacks
 * @property {Date | null} away since when the server hasn't answered
 * @property {number} size of pictures, 0 to 3
 * @property {boolean} distances whether cards show distances
 * @property {string} said the last thing told to a screen reader
 */

const kept = (/** @type {string} */ name) => sessionStorage.getItem(name);
const wantedLanguage = LANGUAGES.find((each) => each === kept("language")) ?? bestLanguage(navigator.languages);
const wantedTheme = kept("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
speak(wantedLanguage);

export const store = makeStore(/** @type {State} */ ({
  route: parse(location.hash),
  language: wantedLanguage,
  theme: wantedTheme === "dark" ? "dark" : "light",
  me: null,
  signIn: false,
  network: null,
  gallery: null,
  samples: [],
  shots: [],
  purpose: "",
  case: "",
  answer: null,
  answered: null,
  phase: "idle",
  failure: null,
  waits: 0,
  began: 0,
  lack: null,
  away: null,
  size: innerWidth >= 2560 ? 2 : 1,
  distances: false,
  said: "",
}));

/**
 * @template Part
 * @param {(state: State) => Part} select
 */
export const useApp = (select) => useStore(store, select);

/** @param {string} hash @param {{ replace?: boolean }} [how] */
export function go(hash, { replace = false } = {}) {
  if (hash === location.hash) return;
  // An entry keeps which one it was opened from, so that what is closed can go back to it.
  if (replace) history.replaceState(history.state, "", hash);
  else history.pushState({ from: location.hash }, "", hash);
  store.set({ route: parse(hash) });
}

for (const kind of ["popstate", "hashchange"]) addEventListener(kind, () => store.set({ route: parse(location.hash) }));

/** @param {import("../core/words.js").Language} language */
export function chooseLanguage(language) {
  sessionStorage.setItem("language", language);
  speak(language);
  document.documentElement.lang = language;
  store.set({ language });
}

/** @param {"light" | "dark"} theme */
export function chooseTheme(theme) {
  sessionStorage.setItem("theme", theme);
  document.documentElement.dataset.theme = theme;
  store.set({ theme });
}

/** Tells a screen reader, politely. @param {string} text */
export const say = (text) => store.set({ said: text });

/** What may be done: everything where there are no keys. @param {string} right */
export const may = (right) => {
  const { me } = store.get();
  return me !== null && /** @type {string[]} */ (me.rights).includes(right);
};

/** Asks who one is and what there is; asks for a key if the server wants one. */
export async function connect() {
  try {
    const me = await ask("me");
    store.set({ me, signIn: false, away: null });
    const rights = /** @type {string[]} */ (me.rights);
    const looks = rights.includes("search") || rights.includes("look");
    const [network, gallery, samples] = await Promise.all([
      ask("cameras").catch(none),
      ask("gallery").catch(none),
      looks ? ask("samples").catch(() => []) : [],
    ]);
    store.set({ network, gallery, samples });
  } catch (error) {
    refused(error);
  }
}

const none = () => null;

/**
 * What every refusal means beyond its own place: nobody is signed in, or nobody answers.
 * @param {unknown} error
 */
export function refused(error) {
  if (!(error instanceof Refusal)) throw error;
  if (error.status === 401) store.set({ signIn: true, me: null });
  if (error.status === 0) watch();
}

let watching = false;

/** Says that the server doesn't answer, and looks every five seconds until it does. */
export function watch() {
  if (watching) return;
  watching = true;
  store.set({ away: new Date() });
  const timer = setInterval(async () => {
    try {
      await fetch("health/ready", { cache: "no-store" }).then((response) => (response.ok ? response : Promise.reject(response)));
    } catch {
      return;
    }
    clearInterval(timer);
    watching = false;
    store.set({ away: null });
    await connect();
  }, 5000);
}

/** @param {string} token */
export async function signIn(token) {
  key.set(token.trim());
  await connect();
  return store.get().me !== null;
}

export function signOut() {
  key.forget();
  store.set({ me: null, signIn: true, answer: null, answered: null, network: null, gallery: null, samples: [], phase: "idle", failure: null });
}
