/** The one store of the page, and what changes it from outside a view: the address, the server, who is signed in. */

import { Refusal, ask, key } from "../core/api.js";
import { forget, onForget } from "../core/forget.js";
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
 * @property {boolean} outside whether the server wants a key, and there is none
 * @property {boolean} signIn whether a key is asked for
 * @property {number} session grows when all is forgotten; a view of another one begins anew
 * @property {unknown} trouble what kept the page from reading who one is and what there is
 * @property {import("../core/types.js").Network | null} network
 * @property {import("../core/types.js").GalleryInfo | null} gallery
 * @property {{ name: string, camera: string }[]} samples
 * @property {Shot[]} shots
 * @property {boolean} finds whether the shots are whole pictures, in which the server finds the person
 * @property {string} purpose
 * @property {string} case
 * @property {Answer | null} answer
 * @property {{ question: Question, shots: string, at: Date } | null} answered what the answer answers
 * @property {"idle" | "searching" | "waiting" | "failed"} phase
 * @property {Refusal | null} failure
 * @property {number} waits seconds until the next attempt
 * @property {number} began when the search began, in milliseconds
 * @property {{ field: string, code: string, values?: Record<string, unknown> } | null} lack what a question that was sent lacks
 * @property {Date | null} away since when the server hasn't answered
 * @property {number} size of pictures, 0 to 3
 * @property {boolean} distances whether cards show distances
 * @property {string} said the last thing told to a screen reader
 */

const kept = (/** @type {string} */ name) => sessionStorage.getItem(name);
const wantedLanguage = LANGUAGES.find((each) => each === kept("language")) ?? bestLanguage(navigator.languages);
const wantedTheme = kept("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
speak(wantedLanguage);

/** What is somebody's: signing out forgets it. */
const NOBODY = /** @type {const} */ ({
  me: null, signIn: false, trouble: null, network: null, gallery: null, samples: [], shots: [], finds: false, purpose: "", case: "",
  answer: null, answered: null, phase: "idle", failure: null, waits: 0, began: 0, lack: null, said: "",
});

export const store = makeStore(/** @type {State} */ ({
  ...NOBODY,
  samples: [],
  shots: [],
  route: parse(location.hash),
  language: wantedLanguage,
  theme: wantedTheme === "dark" ? "dark" : "light",
  outside: false,
  session: 0,
  away: null,
  size: innerWidth >= 2560 ? 2 : 1,
  distances: false,
}));

onForget(() => {
  for (const { url } of store.get().shots) URL.revokeObjectURL(url);
  store.set((state) => ({ ...NOBODY, samples: [], shots: [], session: state.session + 1 }));
});

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

/** Who was signed in last. What one person kept isn't for the next. @type {string | null} */
let last = null;

/** Asks who one is and what there is; asks for a key if the server wants one. */
export async function connect() {
  store.set({ trouble: null });
  try {
    const me = await ask("me");
    if (last !== null && last !== me.name) forget();
    last = me.name;
    store.set({ me, signIn: false, outside: false, away: null });
    const rights = /** @type {string[]} */ (me.rights);
    const looks = rights.includes("search") || rights.includes("look");
    const [network, gallery, samples] = await Promise.all([part(ask("cameras")), part(ask("gallery")), looks ? part(ask("samples")) : null]);
    store.set({ network, gallery, samples: samples ?? [] });
  } catch (error) {
    refused(error);
    const { status } = /** @type {Refusal} */ (error);
    if (status !== 0 && status !== 401) store.set({ trouble: error });
  }
}

/** A part of what there is; null where it isn't for this key, and told where it couldn't be had. @param {Promise<any>} asked */
const part = (asked) =>
  asked.catch((/** @type {unknown} */ error) => {
    if (!(error instanceof Refusal)) throw error;
    if (error.status !== 403) store.set({ trouble: error });
    return null;
  });

/** Whether the gallery is still the one that answered; its cameras may have changed too. */
export async function lookAgain() {
  if (!store.get().me || store.get().away) return;
  const [network, gallery] = await Promise.all([ask("cameras"), ask("gallery")].map((asked) => asked.catch(() => null)));
  if (network && gallery && store.get().me) store.set({ network, gallery });
}

addEventListener("visibilitychange", () => document.visibilityState === "visible" && store.get().answer && lookAgain());

/**
 * What every refusal means beyond its own place: nobody is signed in, or nobody answers.
 * @param {unknown} error
 */
export function refused(error) {
  if (!(error instanceof Refusal)) throw error;
  if (error.status === 401) store.set({ signIn: true, outside: true, me: null });
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

/**
 * @param {string} token
 * @returns {Promise<unknown>} what kept one out; null once one is in
 */
export async function signIn(token) {
  key.set(token.trim());
  await connect();
  const { me, trouble, away } = store.get();
  if (me) return null;
  if (!trouble && !away) key.forget();
  return trouble ?? new Refusal({ status: away ? 0 : 401, detail: "" });
}

export function signOut() {
  key.forget();
  last = null;
  forget();
  store.set({ outside: true, signIn: true });
}
