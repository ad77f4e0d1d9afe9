/**
 * Looking at two pictures in step: how near and where, as fractions of each picture, so that both show the same part of a
 * person whatever their sizes. Pure.
 */

/** @typedef {{ zoom: number, x: number, y: number }} Shift what one picture has of its own: times nearer, and fractions beside */
/**
 * @typedef {object} Look
 * @property {number} zoom how many times as large as where the whole picture fits
 * @property {number} x the middle of what is seen, as a fraction of a picture's width
 * @property {number} y the same of its height
 * @property {Shift[]} shifts of each picture
 */
/** @typedef {{ width: number, height: number }} Size */

export const LEVELS = [1, 1.5, 2, 3, 4, 6, 8];
const MOST = 8;
/** From here on a picture's own pixels are squares. */
export const SQUARES = 4;

/** @type {Shift} */
const NONE = { zoom: 1, x: 0, y: 0 };

/** @type {Look} */
export const WHOLE = { zoom: 1, x: 0.5, y: 0.5, shifts: [NONE, NONE] };

/** @param {number} value @param {number} least @param {number} most */
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

/** @param {Look} look */
export const isWhole = (look) => look.zoom === 1 && look.shifts.every((shift) => shift.zoom === 1 && shift.x === 0 && shift.y === 0);

/**
 * What one picture shows: both pictures' look and its own shift.
 * @param {Look} look
 * @param {number} picture
 */
export function seen(look, picture) {
  const shift = look.shifts[picture];
  return { zoom: clamp(look.zoom * shift.zoom, 1, MOST), x: look.x + shift.x, y: look.y + shift.y };
}

/**
 * The next level in or out.
 * @param {number} zoom
 * @param {1 | -1} direction
 */
export function level(zoom, direction) {
  const next = direction > 0 ? LEVELS.find((each) => each > zoom + 1e-6) : LEVELS.findLast((each) => each < zoom - 1e-6);
  return next ?? (direction > 0 ? MOST : 1);
}

/**
 * Nearer or farther, with what is at a point staying where it is.
 * @param {Look} look
 * @param {number} zoom wanted of the picture
 * @param {number | null} alone the picture that is moved alone; null moves both in step
 * @param {{ x: number, y: number } | null} [at] the point, as fractions of the picture; null is the middle of what is seen
 * @param {number} [picture] that the point and `zoom` are of
 * @returns {Look}
 */
export function zoomed(look, zoom, alone, at = null, picture = alone ?? 0) {
  const before = seen(look, picture);
  const after = clamp(zoom, 1, MOST);
  const point = at ?? before;
  const share = before.zoom / after;
  const [x, y] = [point.x - (point.x - before.x) * share - before.x, point.y - (point.y - before.y) * share - before.y];
  if (alone === null) return kept({ ...look, zoom: look.zoom * (after / before.zoom), x: look.x + x, y: look.y + y });
  const shift = look.shifts[alone];
  return shifted(look, alone, { zoom: after / look.zoom, x: shift.x + x, y: shift.y + y });
}

/**
 * Moved by fractions of a picture: positive shows what is farther right and lower.
 * @param {Look} look
 * @param {number} x
 * @param {number} y
 * @param {number | null} alone
 * @returns {Look}
 */
export function panned(look, x, y, alone) {
  if (alone === null) return kept({ ...look, x: look.x + x, y: look.y + y });
  const shift = look.shifts[alone];
  return shifted(look, alone, { ...shift, x: shift.x + x, y: shift.y + y });
}

/** Both pictures' look stays on the pictures. @param {Look} look @returns {Look} */
function kept(look) {
  const zoom = clamp(look.zoom, 1, MOST);
  const half = 0.5 / zoom;
  return { ...look, zoom, x: clamp(look.x, half, 1 - half), y: clamp(look.y, half, 1 - half) };
}

/** @param {Look} look @param {number} picture @param {Shift} shift @returns {Look} */
function shifted(look, picture, shift) {
  const own = { zoom: shift.zoom, x: clamp(shift.x, -1, 1), y: clamp(shift.y, -1, 1) };
  return { ...look, shifts: look.shifts.map((each, place) => (place === picture ? own : each)) };
}

/**
 * How large a picture is where the whole of it fits.
 * @param {Size} picture
 * @param {Size} pane
 * @returns {Size}
 */
export function fitted(picture, pane) {
  if (!picture.width || !picture.height) return { width: 0, height: 0 };
  const scale = Math.min(pane.width / picture.width, pane.height / picture.height);
  return { width: picture.width * scale, height: picture.height * scale };
}

/**
 * Where a picture lies in its pane, in pixels of the pane.
 * @param {Look} look
 * @param {number} which
 * @param {Size} picture
 * @param {Size} pane
 */
export function laid(look, which, picture, pane) {
  const { zoom, x, y } = seen(look, which);
  const fit = fitted(picture, pane);
  const [width, height] = [fit.width * zoom, fit.height * zoom];
  return { left: pane.width / 2 - x * width, top: pane.height / 2 - y * height, width, height };
}

/**
 * Which point of a picture is at a point of its pane, as fractions.
 * @param {{ left: number, top: number, width: number, height: number }} laidOut
 * @param {number} x
 * @param {number} y
 */
export const pointAt = (laidOut, x, y) => ({ x: (x - laidOut.left) / (laidOut.width || 1), y: (y - laidOut.top) / (laidOut.height || 1) });
