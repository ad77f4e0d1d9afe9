/** An archive on its way to the server. `fetch` tells nobody how much of a body has left: an older interface of all browsers does. */

import { Refusal, key } from "../core/api.js";

/**
 * @param {string} path
 * @param {FormData} body
 * @param {(sent: number, total: number) => void} onProgress bytes
 * @param {AbortSignal} signal
 * @returns {Promise<any>} the answer
 * @throws {Refusal} none came, or one that refuses
 */
export function upload(path, body, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("POST", path);
    const token = key.get();
    if (token) sending.setRequestHeader("Authorization", `Bearer ${token}`);
    sending.upload.addEventListener("progress", (event) => onProgress(event.loaded, event.total));
    sending.addEventListener("load", () => {
      const answer = parsed(sending.responseText);
      if (sending.status >= 200 && sending.status < 300) return resolve(answer);
      const after = sending.getResponseHeader("Retry-After");
      return reject(new Refusal({ ...answer, status: sending.status, detail: String(answer.detail ?? "") }, after === null ? null : Number(after)));
    });
    sending.addEventListener("error", () => reject(new Refusal({ status: 0, detail: "", code: "no-answer" })));
    sending.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    signal.addEventListener("abort", () => sending.abort(), { once: true });
    sending.send(body);
  });
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
