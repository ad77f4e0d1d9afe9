/** What travels, by the names of the OpenAPI document. Types only: nothing of this file runs. */

/** @typedef {import("../../../../../tests/page/api.js").components["schemas"]} Schemas */
/** @typedef {Schemas["SearchResponse"]} Answer */
/** @typedef {Schemas["Hit"]} Hit */
/** @typedef {Schemas["CameraInfo"]} CameraInfo */
/** @typedef {Schemas["Network"]} Network */
/** @typedef {Schemas["GalleryInfo"]} GalleryInfo */
/** @typedef {Schemas["Caller"]} Caller */
/** @typedef {Schemas["Case"]} Case */
/** @typedef {Schemas["CaseHead"]} CaseHead */
/** @typedef {Schemas["CasePicture"]} CasePicture */
/** @typedef {Schemas["CaseMark"]} CaseMark */
/** @typedef {Schemas["CaseSearch"]} CaseSearch */
/** @typedef {Schemas["CaseAnswer"]} CaseAnswer */
/**
 * @typedef {{ id: string, file: File, url: string, box: number[] | null, name: string, shows: boolean, kept?: { case: string, picture: string } | null, people?: number[][] }} Shot
 *   `kept`: the case that has this picture already; `people`: boxes of everybody whom the server found in it, the surest first
 */

export {};
