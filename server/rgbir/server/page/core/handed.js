/** Documents that the server makes. A key travels in a header only, so with one a document is fetched and handed over as a file. */

import { request } from "./api.js";

/**
 * @param {string} path
 * @param {string} name of the file
 * @throws {import("./api.js").Refusal}
 */
export async function handOver(path, name) {
  const url = URL.createObjectURL(await (await request(path)).blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
