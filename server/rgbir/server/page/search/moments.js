/** Moments as people type them, where they are, and the two hours a year in which that isn't enough. Pure. */

/** One for each zone: making them is slow. @type {Map<string, Intl.DateTimeFormat>} */
const clocks = new Map();

/** @param {string} zone */
function clockOf(zone) {
  const made =
    clocks.get(zone) ??
    new Intl.DateTimeFormat("en-US", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
    });
  clocks.set(zone, made);
  return made;
}

/**
 * Minutes that a zone is ahead of UTC at a moment.
 * @param {Date} date
 * @param {string} zone
 */
export function offset(date, zone) {
  const parts = Object.fromEntries(clockOf(zone).formatToParts(date).map((part) => [part.type, Number(part.value)]));
  const local = Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second);
  return Math.round((local - Math.floor(date.getTime() / 1000) * 1000) / 60000);
}

/**
 * The moments that a clock of the zone showed that, in order: one as a rule, two in the hour that comes twice, none in the
 * one that is left out.
 * @param {string} local such as 2026-10-25T02:30 or 2026-10-25T02:30:15
 * @param {string} zone
 * @returns {Date[]}
 */
export function momentsOf(local, zone) {
  const match = /^(\d{4,6})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d))?$/.exec(local.trim());
  if (!match) return [];
  const [year, month, dayOfMonth, hour, minute, second] = match.slice(1).map((text) => Number(text ?? 0));
  const naive = Date.UTC(year, month - 1, dayOfMonth, hour, minute, second);
  const offsets = new Set([-24, 0, 24].map((hours) => offset(new Date(naive + hours * 3600000), zone)));
  return [...offsets]
    .map((ahead) => new Date(naive - ahead * 60000))
    .filter((date) => offset(date, zone) * 60000 + date.getTime() === naive)
    .sort((one, other) => one.getTime() - other.getTime());
}

/**
 * What a clock of the zone shows at a moment, as a field of date and time takes it.
 * @param {string} iso
 * @param {string} zone
 */
export function localOf(iso, zone) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "";
  const local = new Date(date.getTime() + offset(date, zone) * 60000).toISOString();
  return local.slice(0, local.slice(17, 19) === "00" ? 16 : 19);
}

/**
 * A pasted text as a moment, if it is ISO 8601 with a zone.
 * @param {string} text
 * @returns {Date | null}
 */
export function pasted(text) {
  const whole = text.trim();
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?\s*(Z|[+-]\d\d:?\d\d)$/i.test(whole)) return null;
  const date = new Date(whole.replace(" ", "T").replace(/\s+/g, "").replace(/([+-]\d\d)(\d\d)$/, "$1:$2"));
  return Number.isNaN(date.getTime()) ? null : date;
}

/**
 * A zone's distance from UTC then, in words: UTC+1, UTC+5:30, UTC.
 * @param {Date} date
 * @param {string} zone
 */
export function utc(date, zone) {
  const ahead = offset(date, zone);
  if (ahead === 0) return "UTC";
  const minutes = Math.abs(ahead) % 60;
  return `UTC${ahead < 0 ? "−" : "+"}${Math.floor(Math.abs(ahead) / 60)}${minutes ? `:${String(minutes).padStart(2, "0")}` : ""}`;
}
