/** Texts in three languages, numbers and moments as people of each write them. Pure but for the language in use. */

/** @typedef {"en" | "de" | "zh"} Language */
/** @typedef {string | Partial<Record<Intl.LDMLPluralRule, string>>} Text one text, or one for each plural form of `{n}` */
/** @typedef {readonly [en: Text, de: Text, zh: Text]} Entry */

/** @type {readonly Language[]} */
export const LANGUAGES = ["en", "de", "zh"];
export const LANGUAGE_NAMES = { en: "English", de: "Deutsch", zh: "中文" };

/** @type {{ language: Language, zone: string }} */
const now = { language: "en", zone: Intl.DateTimeFormat().resolvedOptions().timeZone };

/** @type {Record<string, Entry>} */
const table = {};

/** @param {Record<string, Entry>} entries of one part of the page */
export function addTexts(entries) {
  Object.assign(table, entries);
}

export const language = () => now.language;
export const zone = () => now.zone;

/** @param {Language} chosen */
export function speak(chosen) {
  now.language = chosen;
}

/** @param {string} name of a time zone; for tests */
export function setZone(name) {
  now.zone = name;
}

/**
 * The best of the languages that a browser asks for.
 * @param {readonly string[]} wanted
 * @returns {Language}
 */
export function bestLanguage(wanted) {
  for (const tag of wanted) {
    const found = LANGUAGES.find((each) => tag.toLowerCase().split("-")[0] === each);
    if (found) return found;
  }
  return "en";
}

/**
 * A text of the table in the language in use, with its braces and marks.
 * @param {string} code
 * @param {Record<string, unknown>} [values] `n` decides the plural form
 * @returns {string} the code where there is none
 */
export function template(code, values = {}) {
  if (!has(code)) return code;
  const text = table[code][LANGUAGES.indexOf(now.language)];
  return typeof text === "string" ? text : text[once("plural", now.language, undefined, () => new Intl.PluralRules(now.language)).select(Number(values.n))] ?? text.other ?? "";
}

/** @param {string} text @param {Record<string, unknown>} values for what stands in braces */
export const filled = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? shown(values[name]) : whole));

/**
 * A text of the table in the language in use.
 * @param {string} code
 * @param {Record<string, unknown>} [values] for what stands in braces; `n` decides the plural form
 */
export const t = (code, values = {}) => filled(template(code, values), values);

export const has = (/** @type {string} */ code) => Object.hasOwn(table, code);

/** @param {unknown} value */
function shown(value) {
  if (typeof value === "number") return number(value);
  if (Array.isArray(value)) return listed(value.map(String));
  return String(value);
}

/** Making what writes numbers and moments is slow, and a thousand hits need few of them. @type {Map<string, any>} */
const made = new Map();

/** @template Writer @param {string} kind @param {string} tongue @param {object | undefined} options @param {() => Writer} make @returns {Writer} */
function once(kind, tongue, options, make) {
  const name = `${kind} ${tongue} ${JSON.stringify(options)}`;
  if (!made.has(name)) made.set(name, make());
  return made.get(name);
}

/** @param {number} value @param {Intl.NumberFormatOptions} [options] */
export const number = (value, options) => once("number", now.language, options, () => new Intl.NumberFormat(now.language, options)).format(value);

/** @param {string[]} names */
export const listed = (names) => new Intl.ListFormat(now.language, { type: "conjunction" }).format(names);

/**
 * How many strangers are expected: "< 0.1", one decimal to 9.9, whole from 10, "1,000+" from there.
 * @param {number} value
 */
export function strangers(value) {
  if (value < 0.1) return `< ${number(0.1)}`;
  if (value < 9.95) return number(value, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  if (value < 999.5) return number(Math.round(value));
  return `${number(1000)}+`;
}

/**
 * A moment where the reader is: "12 Nov 22:57"; with the year where it isn't this one.
 * @param {string | Date} moment
 * @param {{ seconds?: boolean, year?: boolean, zone?: boolean }} [how]
 */
export function moment(moment, how = {}) {
  const other = how.year ?? new Date(moment).getUTCFullYear() !== new Date().getUTCFullYear();
  return written(moment, {
    day: "numeric",
    month: "short",
    ...(other ? { year: "numeric" } : {}),
    hour: "2-digit",
    minute: "2-digit",
    ...(how.seconds ? { second: "2-digit" } : {}),
    ...(how.zone ? { timeZoneName: "short" } : {}),
    hourCycle: "h23",
  });
}

/** @param {string | Date} moment @param {boolean} [seconds] */
export const clock = (moment, seconds = false) => written(moment, { hour: "2-digit", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}), hourCycle: "h23" });

/** @param {string | Date} moment */
export const day = (moment) => written(moment, { day: "numeric", month: "short" });

/** @param {string | Date} moment @param {Intl.DateTimeFormatOptions} how */
function written(moment, how) {
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return "";
  const options = { ...how, timeZone: now.zone };
  return once("moment", locale(), options, () => new Intl.DateTimeFormat(locale(), options)).format(date);
}

/**
 * From when to when, with the times of day; "" where there is neither.
 * @param {string} since
 * @param {string} until
 */
export function period(since, until) {
  const date = (/** @type {string} */ at) => written(at, { year: "numeric", month: "numeric", day: "numeric" });
  if (since && until) return date(since) === date(until) ? `${moment(since)} – ${clock(until)}` : `${moment(since)} – ${moment(until)}`;
  return since ? `${moment(since)} –` : until ? `– ${moment(until)}` : "";
}

/** English with the day before the month, as the rest of the page writes it. */
const locale = () => (now.language === "en" ? "en-GB" : now.language);

/**
 * A span in words: "16 min 42 s", "2 h 5 min", "3 d 4 h".
 * @param {number} seconds
 */
export function span(seconds) {
  const whole = Math.round(Math.abs(seconds));
  const parts = /** @type {[number, string][]} */ ([
    [Math.floor(whole / 86400), "day"],
    [Math.floor((whole % 86400) / 3600), "hour"],
    [Math.floor((whole % 3600) / 60), "minute"],
    [whole % 60, "second"],
  ]);
  const first = whole === 0 ? parts.length - 1 : parts.findIndex(([count]) => count > 0);
  const kept = parts.slice(first, first + 2).filter(([count], place) => count > 0 || place === 0);
  return kept.map(([count, unit]) => number(count, { style: "unit", unit, unitDisplay: unit === "day" || unit === "minute" ? "short" : "narrow" })).join(" ");
}

/**
 * A size as people read it: 812 kB, 4.1 MB, 2.3 GB.
 * @param {number} count
 */
export function bytes(count) {
  const [unit, per] = /** @type {[string, number]} */ (count >= 1e9 ? ["gigabyte", 1e9] : count >= 1e6 ? ["megabyte", 1e6] : ["kilobyte", 1e3]);
  return number(count / per, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: count < 1e6 ? 0 : 1 });
}
