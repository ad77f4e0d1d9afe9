/** A map as pixels: one colour that neither a person's mark nor a light has, the more opaque the more the network reacted. Pure. */

const COLOUR = [255, 0, 200];

/**
 * @param {readonly (readonly number[])[]} values row by row, each from 0 to 1
 * @returns {Uint8ClampedArray<ArrayBuffer>} red, green, blue and opacity of each place, row by row
 */
export const shade = (values) => Uint8ClampedArray.from(values.flat().flatMap((value) => [...COLOUR, Math.round(255 * value)]));

/**
 * How a network is to see a sighting's picture, as it was seen when it was enrolled.
 * @param {readonly string[]} modalities of its camera
 */
export const seenAs = (modalities) => (modalities.length === 1 ? modalities[0] : "rgb");
