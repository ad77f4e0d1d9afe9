/** Kinds of files: by their type, and where the system gives none, by their name. Pure. */

/** @typedef {{ name: string, type: string }} Named */

export const isArchive = (/** @type {Named} */ file) => /\.zip$/i.test(file.name) || file.type === "application/zip";
/** What the server may read. */
export const isImage = (/** @type {Named} */ file) => file.type.startsWith("image/") || /\.(jpe?g|png|bmp|webp|tiff?)$/i.test(file.name);
/** What browsers draw. */
export const isSeen = (/** @type {Named} */ file) => /^image\/(jpeg|png|bmp|webp)$/.test(file.type) || /\.(jpe?g|png|bmp|webp)$/i.test(file.name);
