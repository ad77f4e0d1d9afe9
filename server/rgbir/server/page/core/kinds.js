/** Kinds of files: by their type, and where the system gives none, by their name. Pure. */

/** @typedef {{ name: string, type: string }} Named */

export const isArchive = (/** @type {Named} */ file) => /\.zip$/i.test(file.name) || file.type === "application/zip";
/** What the server may read. */
export const isImage = (/** @type {Named} */ file) => file.type.startsWith("image/") || /\.(jpe?g|png|bmp|webp|tiff?)$/i.test(file.name);
/** What a server may find people in. */
export const isFilm = (/** @type {Named} */ file) => file.type.startsWith("video/") || /\.(mp4|m4v|mov|3gp|mkv|webm|avi|ts|mts|m2ts|mpe?g|flv|dav|h26[45]|hevc|asf|wmv|mxf)$/i.test(file.name);
/** What browsers draw. */
export const isSeen = (/** @type {Named} */ file) => /^image\/(jpeg|png|bmp|webp)$/.test(file.type) || /\.(jpe?g|png|bmp|webp)$/i.test(file.name);
