/** The page's state in one place. Components read parts of it and hold focus and drafts only. */

import { useEffect, useState } from "./html.js";

/**
 * @template {object} State
 * @param {State} initial
 */
export function makeStore(initial) {
  let state = initial;
  /** @type {Set<() => void>} */
  const listeners = new Set();
  return {
    get: () => state,
    /** @param {Partial<State> | ((state: State) => Partial<State>)} change */
    set(change) {
      const part = typeof change === "function" ? change(state) : change;
      if (Object.entries(part).every(([name, value]) => state[/** @type {keyof State} */ (name)] === value)) return;
      state = { ...state, ...part };
      for (const listener of [...listeners]) listener();
    },
    /** @param {() => void} listener */
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/**
 * A part of a store, read again whenever it changes.
 * @template {object} State
 * @template Part
 * @param {ReturnType<typeof makeStore<State>>} store
 * @param {(state: State) => Part} select
 * @returns {Part}
 */
export function useStore(store, select) {
  const [part, setPart] = useState(() => select(store.get()));
  useEffect(() => {
    const look = () => setPart(() => select(store.get()));
    look();
    return store.subscribe(look);
  }, [store]);
  return part;
}
