/** Boxes in pixels: left, top, right, bottom, whole numbers inside a picture, at least one pixel wide and high. Pure. */

/** @typedef {{ width: number, height: number }} Size */

/** @param {number[]} box @param {Size} size */
export function within(box, { width, height }) {
  const [left, right] = ordered(box[0], box[2], width);
  const [top, bottom] = ordered(box[1], box[3], height);
  return [left, top, right, bottom];
}

/** @param {number} one @param {number} other @param {number} most */
function ordered(one, other, most) {
  const low = Math.min(Math.max(Math.floor(Math.min(one, other)), 0), most - 1);
  return [low, Math.min(Math.max(Math.ceil(Math.max(one, other)), low + 1), most)];
}

/** Between two points. @param {number[]} from @param {number[]} to @param {Size} size */
export const drawn = (from, to, size) => within([from[0], from[1], to[0], to[1]], size);

/** Moved as far as the picture goes. @param {number[]} box @param {number} x @param {number} y @param {Size} size */
export function moved([left, top, right, bottom], x, y, { width, height }) {
  const across = Math.round(Math.min(Math.max(x, -left), width - right));
  const down = Math.round(Math.min(Math.max(y, -top), height - bottom));
  return [left + across, top + down, right + across, bottom + down];
}

/** With its right and lower edges moved. @param {number[]} box @param {number} x @param {number} y @param {Size} size */
export function sized([left, top, right, bottom], x, y, { width, height }) {
  return [left, top, Math.min(Math.max(Math.round(right + x), left + 1), width), Math.min(Math.max(Math.round(bottom + y), top + 1), height)];
}
