/** What a new key may be: never wider or longer-lived than the key of whoever makes it. Pure. */

/** @typedef {{ name: string, role: string, cameras: string[], days: string }} KeyDraft */

export const ROLES = ["search", "enrol", "export", "monitor", "admin"];
const DAY = 86400_000;
const MOST_DAYS = 36_500;

/** Most days that a new key may last. @param {{ ends_at?: string | null }} me @param {Date} now */
export const mostDays = (me, now) => (me.ends_at ? Math.max(0, Math.min(MOST_DAYS, Math.floor((new Date(me.ends_at).getTime() - now.getTime()) / DAY))) : MOST_DAYS);

/**
 * What keeps a key from being made, as the code of a text.
 * @param {KeyDraft} draft
 * @param {{ cameras?: string[] | null, ends_at?: string | null }} me
 * @param {Date} now
 */
export function lackOfKey(draft, me, now) {
  if (!draft.name.trim()) return { field: "name", code: "keys.need.name" };
  if (me.cameras && draft.cameras.length === 0) return { field: "cameras", code: "keys.need.cameras" };
  const most = mostDays(me, now);
  const fits = /^\d{1,5}$/.test(draft.days.trim()) && Number(draft.days) >= 1 && Number(draft.days) <= most;
  if (draft.days.trim() ? !fits : Boolean(me.ends_at)) return { field: "days", code: "keys.need.days" };
  return null;
}

/** The fields of `POST /keys`; no cameras are all. @param {KeyDraft} draft */
export const keyFields = (draft) => ({ name: draft.name.trim(), role: draft.role, cameras: draft.cameras, days: draft.days.trim() });

/**
 * The draft of a key like another one, which takes its place: as long as that one was to last, as far as one's own lasts.
 * @param {{ name: string, role: string, cameras?: string[] | null, made_at: string, ends_at?: string | null }} key
 * @param {readonly string[]} taken names of keys that there are
 * @param {{ ends_at?: string | null }} me
 * @param {Date} now
 * @returns {KeyDraft}
 */
export function like(key, taken, me, now) {
  const most = mostDays(me, now);
  const lasted = key.ends_at ? Math.max(1, Math.round((Date.parse(key.ends_at) - Date.parse(key.made_at)) / DAY)) : null;
  const days = lasted === null && !me.ends_at ? "" : String(Math.min(lasted ?? most, most));
  const [, stem, count] = /^(.*?)(?: (\d{1,6}))?$/s.exec(key.name) ?? [];
  let number = Number(count ?? 1) + 1;
  while (taken.includes(`${stem} ${number}`)) number += 1;
  return { name: `${stem} ${number}`, role: key.role, cameras: key.cameras ?? [], days };
}
