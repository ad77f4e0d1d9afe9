/** Asks again after a busy answer, when the server says so, at most five times. */

import { Refusal } from "./api.js";

const MOST_ATTEMPTS = 5;

/**
 * @template Answer
 * @param {() => Promise<Answer>} attempt
 * @param {{ busy: (refusal: Refusal) => boolean, goesOn: () => boolean, onWait: (seconds: number) => void }} how
 *   `busy`: whether to ask again; `goesOn`: whether anybody still wants to; `onWait`: told each second how many are left, 0 at the end
 * @returns {Promise<Answer>}
 * @throws {Refusal} the last one, or the first one after nobody wants to go on
 */
export async function patiently(attempt, { busy, goesOn, onWait }) {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Refusal) || !busy(error) || attempts === MOST_ATTEMPTS || !goesOn()) throw error;
      for (let left = Math.max(1, Math.ceil(error.retryAfter ?? attempts)); left > 0 && goesOn(); left -= 1) {
        onWait(left);
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
      if (!goesOn()) throw error;
      onWait(0);
    }
  }
}
