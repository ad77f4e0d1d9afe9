/** A map as pixels: one colour that neither a person's mark nor a light has, the more opaque the more the network reacted. Pure. */

const COLOUR = [255, 0, 200];

/**
 * @param {readonly (readonly number[])[]} values row by row
 * @returns {Uint8ClampedArray<ArrayBuffer>} red, green, blue and opacity of each place, row by row: clear where the network reacted
 *   least, full where it reacted most, and clear everywhere if it reacted everywhere alike
 */
export function shade(values) {
  const places = values.flat();
  const [least, most] = [Math.min(...places), Math.max(...places)];
  return Uint8ClampedArray.from(places.flatMap((value) => [...COLOUR, Math.round((255 * (value - least)) / (most - least || 1))]));
}

/**
 * How a network is to see a sighting's picture, as it was seen when it was enrolled.
 * @param {readonly string[]} modalities of its camera
 */
export const seenAs = (modalities) => (modalities.length === 1 ? modalities[0] : "rgb");
