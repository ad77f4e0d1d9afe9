/** What a sighting's source tells of a recording. Pure. */

/** Whether a sighting's source names a moment of a recording: `clip.mp4#t=12.400&xywh=…`. @param {string | null | undefined} source */
export const isFilmed = (source) => /#t=\d/.test(source ?? "");
