/** When a picture was taken, as its name or its file proposes it. Pure. A person confirms it. */

import { momentsOf, pasted } from "../search/moments.js";

const NAMED = /(?<!\d)(\d{4})[-_.]?(\d\d)[-_.]?(\d\d)[T _.-]{1,2}?(\d\d)[-_.:h]?(\d\d)(?:[-_.:m]?(\d\d))?(?:[.,]\d+)?(Z|[+-]\d\d:?\d\d)?(?!\d)/;
const RUN = /(?<!\d)(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?!\d)/;

/**
 * The moment that a name tells, such as `2026-11-12_22-41-06.jpg`, `cam3 20261112T214106Z.png`; null if it tells none, or
 * one that a clock of the zone showed twice or never.
 * @param {string} name
 * @param {string} zone of the clock, where the name says none
 */
export function timeOfName(name, zone) {
  const match = NAMED.exec(name) ?? RUN.exec(name);
  if (!match) return null;
  const [year, month, day, hour, minute, second = "00", offset] = match.slice(1);
  return momentIn(`${year}-${month}-${day}T${hour}:${minute}:${second}`, offset ?? "", zone);
}

/** @param {string} local @param {string} offset @param {string} zone */
function momentIn(local, offset, zone) {
  if (Number.isNaN(Date.parse(`${local}Z`))) return null;
  if (offset) return pasted(`${local}${offset}`)?.toISOString() ?? null;
  const moments = momentsOf(local, zone);
  return moments.length === 1 ? moments[0].toISOString() : null;
}

const TAKEN = 0x9003;
const TAKEN_OFFSET = 0x9011;
const DETAILS = 0x8769;

/**
 * When a JPEG says that it was taken: EXIF's DateTimeOriginal, with its offset where there is one.
 * @param {ArrayBuffer} buffer the file's beginning
 * @param {string} zone of the clock, where the file says no offset
 * @returns {string | null} ISO 8601 in UTC
 */
export function timeOfPicture(buffer, zone) {
  const view = new DataView(buffer);
  try {
    if (view.getUint16(0) !== 0xffd8) return null;
    for (let place = 2; view.getUint8(place) === 0xff; place += 2 + view.getUint16(place + 2)) {
      if (view.getUint8(place + 1) === 0xe1 && view.getUint32(place + 4) === 0x45786966) return exif(view, place + 10, zone);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // a file that ends too early says nothing
  }
  return null;
}

/** @param {DataView} view @param {number} start of the TIFF header @param {string} zone */
function exif(view, start, zone) {
  const little = view.getUint16(start) === 0x4949;
  const details = entry(view, start, view.getUint32(start + 4, little), DETAILS, little);
  if (details === null) return null;
  const folder = view.getUint32(details + 8, little);
  const text = (/** @type {number} */ tag) => {
    const at = entry(view, start, folder, tag, little);
    if (at === null) return "";
    const length = view.getUint32(at + 4, little);
    const from = length > 4 ? start + view.getUint32(at + 8, little) : at + 8;
    return String.fromCharCode(...Array.from({ length: Math.min(length, 40) }, (_, place) => view.getUint8(from + place))).replace(/\0.*$/s, "");
  };
  const match = /^(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)$/.exec(text(TAKEN).trim());
  return match ? momentIn(`${match[1]}-${match[2]}-${match[3]}T${match[4]}`, text(TAKEN_OFFSET).trim(), zone) : null;
}

/** Where a folder of TIFF has a tag. @param {DataView} view @param {number} start @param {number} folder @param {number} tag @param {boolean} little */
function entry(view, start, folder, tag, little) {
  const count = view.getUint16(start + folder, little);
  for (let place = 0; place < count; place += 1) {
    const at = start + folder + 2 + 12 * place;
    if (view.getUint16(at, little) === tag) return at;
  }
  return null;
}
