/** The network as it is now, for the whole page; and what a refusal means here. */

import { Refusal, ask } from "../core/api.js";
import { refused, store } from "../shell/state.js";

/** @typedef {import("../core/types.js").Network} Network */

export async function readNetwork() {
  const [network, gallery] = await Promise.all([/** @type {Promise<Network>} */ (ask("cameras")), /** @type {Promise<any>} */ (ask("gallery"))]);
  store.set({ network, gallery });
}

/** @param {(failure: Refusal) => void} set */
export const failed = (set) => (/** @type {unknown} */ error) => {
  if (!(error instanceof Refusal)) throw error;
  set(error);
  refused(error);
};
