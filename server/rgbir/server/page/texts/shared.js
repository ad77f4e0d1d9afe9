/** Texts of components that several views use: English, German, Chinese. */

/** @type {Record<string, import("../core/words.js").Entry>} */
export const SHARED = {
  "progress.of": ["{done} of {n}", "{done} von {n}", "{done} / {n}"],
  "confirm.type": ["To confirm, type **{word}**", "Zum Bestätigen **{word}** eingeben", "请输入 **{word}** 以确认"],
  "confirm.busy": ["At work…", "Läuft …", "处理中…"],
};
