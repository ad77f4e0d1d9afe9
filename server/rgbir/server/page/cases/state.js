/** The case in use, its marks, and what is asked about them. Small: Search has it from the start. */

import { makeStore, useStore } from "../core/store.js";
import { bySighting } from "./model.js";

/** @typedef {import("./model.js").Marks} Marks */
/** @typedef {import("./model.js").MarkKind} MarkKind */
/**
 * @typedef {object} Casing
 * @property {string} who has the key in whose hands this is
 * @property {string} id of the case in use; "" where there is none
 * @property {import("../core/types.js").Case | null} current the case in use with all that it holds
 * @property {number} changes counts what was changed in any case, so that lists are asked for again
 * @property {boolean} tabOnly whether marks of no case are kept in this tab
 * @property {Marks} tab those marks
 * @property {Marks} pending marks that are on their way
 * @property {Record<string, string>} notes that are typed and belong to no mark yet, by sighting
 * @property {{ sighting: string, mark: MarkKind | null } | null} asking which case a mark goes into; `mark` is null where only a case is chosen
 * @property {boolean} making whether a new case is being made
 * @property {{ text: string, undo: boolean, bad: boolean } | null} toast
 * @property {{ answer: import("../core/types.js").Answer, answered: any } | null} before the answer before marks were heeded
 * @property {{ n: number, at: string, who: string, gone: number } | null} stored the search whose answer is shown as it was given
 */

/** As it is before anybody does anything. @type {Casing} */
export const EMPTY = { who: "", id: "", current: null, changes: 0, tabOnly: false, tab: new Map(), pending: new Map(), notes: {}, asking: null, making: false, toast: null, before: null, stored: null };

export const casing = makeStore({ ...EMPTY });
/** @template Part @param {(state: Casing) => Part} select */
export const useCase = (select) => useStore(casing, select);

/** @type {{ from: unknown[], marks: Marks }} */
let known = { from: [], marks: new Map() };

/** The marks that hold now, of the case in use or of this tab; the same object while nothing changes. @param {Casing} state */
export function marksIn({ current, tab, pending }) {
  const from = [current?.marks, current?.pictures, tab, pending];
  if (from.some((each, place) => each !== known.from[place])) known = { from, marks: new Map([...(current ? bySighting(current) : tab), ...pending]) };
  return known.marks;
}

export const useMarks = () => useCase(marksIn);

/** Where the server has a case or part of it. @param {string} id @param {string} [rest] */
export const casePath = (id, rest = "") => `cases/${encodeURIComponent(id)}${rest}`;

