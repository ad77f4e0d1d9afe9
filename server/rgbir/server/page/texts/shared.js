/** Texts of components that several views use: English, German, Chinese. */

/** @type {Record<string, import("../core/words.js").Entry>} */
export const SHARED = {
  "progress.of": ["{done} of {n}", "{done} von {n}", "{done} / {n}"],
  "confirm.type": ["To confirm, type {word}", "Zum Bestätigen {word} eingeben", "请输入 {word} 以确认"],
  "confirm.busy": ["At work…", "Läuft …", "处理中…"],
  "trouble.away": [
    "The server doesn't answer. Nothing of this was done.",
    "Der Server antwortet nicht. Nichts davon ist geschehen.",
    "服务器没有响应,操作未执行。",
  ],
};
