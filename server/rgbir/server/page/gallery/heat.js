/** Sightings by camera and hour, day or month, from what the server counts; and who was silent when. Pure. */

import { momentsOf } from "../search/moments.js";

/** @typedef {"hour" | "day" | "month"} Unit */
/** @typedef {{ camera: string, untimed: number, buckets: { at: string, sightings: number }[] }} Counted */
/** @typedef {{ camera: string, cells: number[], timed: number, untimed: number }} Row */
/** @typedef {{ unit: Unit, columns: string[], rows: Row[], most: number, timed: number, untimed: number }} Heat */

const HOUR = 3600000;
const DAY = 24 * HOUR;
const MOST_HOURS = 72;
const MOST_DAYS = 62;
export const LEVELS = 5;

/** @param {string} date such as 2026-11-12 */
const dayNumber = (date) => Math.round(Date.parse(`${date}T00:00:00Z`) / DAY);
/** @param {number} number */
const dateOf = (number) => new Date(number * DAY).toISOString().slice(0, 10);

/**
 * From the first to the last day that has sightings; none where no sighting has a time.
 * @param {readonly Counted[]} counted by day
 * @returns {{ first: string, last: string, days: number } | null}
 */
export function extent(counted) {
  const days = counted.flatMap(({ buckets }) => (buckets.length ? [buckets[0].at, buckets[buckets.length - 1].at] : [])).map((at) => at.slice(0, 10)).sort();
  if (!days.length) return null;
  const [first, last] = [days[0], days[days.length - 1]];
  return { first, last, days: dayNumber(last) - dayNumber(first) + 1 };
}

/** How long a column is where so many days are drawn. @param {number} days @returns {Unit} */
export const unitOf = (days) => (days * 24 <= MOST_HOURS ? "hour" : days <= MOST_DAYS ? "day" : "month");

/**
 * @param {readonly Counted[]} counted by hour where the unit is an hour, else by day
 * @param {Unit} unit
 * @param {readonly string[]} cameras in the order of their rows; those without a count have none
 * @returns {Heat}
 */
export function heat(counted, unit, cameras) {
  const known = new Map(counted.map((each) => [each.camera, each]));
  const names = [...cameras, ...[...known.keys()].filter((camera) => !cameras.includes(camera))];
  const columns = columnsOf(counted, unit);
  const place = new Map(columns.map((column, index) => [column, index]));
  const rows = names.map((camera) => {
    const cells = columns.map(() => 0);
    for (const { at, sightings } of known.get(camera)?.buckets ?? []) {
      const index = place.get(columnOf(at, unit));
      if (index !== undefined) cells[index] += sightings;
    }
    return { camera, cells, timed: cells.reduce((sum, count) => sum + count, 0), untimed: known.get(camera)?.untimed ?? 0 };
  });
  return {
    unit,
    columns,
    rows,
    most: Math.max(0, ...rows.flatMap((row) => row.cells)),
    timed: rows.reduce((sum, row) => sum + row.timed, 0),
    untimed: rows.reduce((sum, row) => sum + row.untimed, 0),
  };
}

/** @param {string} at of a bucket @param {Unit} unit */
const columnOf = (at, unit) => (unit === "hour" ? new Date(at).toISOString() : at.slice(0, unit === "month" ? 7 : 10));

/** All columns from the first to the last, those without sightings too. @param {readonly Counted[]} counted @param {Unit} unit */
function columnsOf(counted, unit) {
  const there = [...new Set(counted.flatMap(({ buckets }) => buckets.map(({ at }) => columnOf(at, unit))))].sort();
  if (!there.length) return [];
  const [first, last] = [there[0], there[there.length - 1]];
  if (unit === "hour") {
    const hours = [];
    for (let at = Date.parse(first); at <= Date.parse(last); at += HOUR) hours.push(new Date(at).toISOString());
    return [...new Set([...hours, ...there])].sort();
  }
  if (unit === "day") return Array.from({ length: dayNumber(last) - dayNumber(first) + 1 }, (_, index) => dateOf(dayNumber(first) + index));
  const [year, month] = first.split("-").map(Number);
  const [lastYear, lastMonth] = last.split("-").map(Number);
  return Array.from({ length: (lastYear - year) * 12 + lastMonth - month + 1 }, (_, index) => new Date(Date.UTC(year, month - 1 + index)).toISOString().slice(0, 7));
}

/** How dark a cell is: 0 has no sightings, `LEVELS` has the most. @param {number} count @param {number} most */
export const levelOf = (count, most) => (count === 0 ? 0 : Math.max(1, Math.ceil((LEVELS * count) / most)));

/**
 * Cameras that saw nothing while another one did: from which column to which.
 * @param {Heat} heat
 * @returns {{ camera: string, from: number, to: number }[]}
 */
export function silences({ columns, rows, unit }) {
  const least = unit === "hour" ? 3 : 1;
  const busy = columns.map((_, index) => rows.some((row) => row.cells[index] > 0));
  return rows.filter((row) => row.timed > 0).flatMap((row) => {
    const runs = [];
    for (let from = 0; from < columns.length; from += 1) {
      if (row.cells[from] > 0) continue;
      let to = from;
      while (to + 1 < columns.length && row.cells[to + 1] === 0) to += 1;
      if (to - from + 1 >= least && busy.slice(from, to + 1).some(Boolean)) runs.push({ camera: row.camera, from, to });
      from = to;
    }
    return runs;
  });
}

/**
 * From when to when a column is.
 * @param {string} column
 * @param {Unit} unit
 * @param {string} zone
 */
export function windowOf(column, unit, zone) {
  if (unit === "hour") return { since: column, until: new Date(Date.parse(column) + HOUR).toISOString() };
  if (unit === "day") return { since: midnight(column, zone), until: midnight(dateOf(dayNumber(column) + 1), zone) };
  const [year, month] = column.split("-").map(Number);
  const following = new Date(Date.UTC(year, month)).toISOString().slice(0, 10);
  return { since: midnight(`${column}-01`, zone), until: midnight(following, zone) };
}

/** When a day begins on the clocks of a zone: at midnight, or at one where they leave midnight out. @param {string} date @param {string} zone */
export const midnight = (date, zone) => (momentsOf(`${date}T00:00`, zone)[0] ?? momentsOf(`${date}T01:00`, zone)[0]).toISOString();
