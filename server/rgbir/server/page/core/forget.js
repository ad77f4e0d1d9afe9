/** What is to be forgotten when somebody signs out: whoever keeps something in memory says here how it goes. */

/** @type {Set<() => void>} */
const runs = new Set();

/** @param {() => void} run lets go of what was kept */
export const onForget = (run) => void runs.add(run);

export function forget() {
  for (const run of runs) run();
}
