/** The server's interface: requests with the key that this tab has, and answers or a `Refusal` that says why not. */

/**
 * @typedef {{ title?: string, status: number, detail: string, code?: string, values?: Record<string, unknown>,
 *   request_id?: string, errors?: { field?: string, message?: string, code?: string }[] }} Problem
 */

/** What the server refused, or couldn't do. `status` is 0 where no answer came. */
export class Refusal extends Error {
  /** @param {Problem} problem @param {number | null} retryAfter seconds */
  constructor(problem, retryAfter = null) {
    super(problem.detail);
    this.problem = problem;
    this.status = problem.status;
    this.code = problem.code ?? "";
    this.retryAfter = retryAfter;
    this.requestId = problem.request_id ?? "";
  }
}

const KEY = "key";

/** The key lives as long as the tab, and travels in a header only. */
export const key = {
  get: () => sessionStorage.getItem(KEY),
  /** @param {string} token */
  set: (token) => sessionStorage.setItem(KEY, token),
  forget: () => sessionStorage.removeItem(KEY),
};

/**
 * @param {string} path relative to the page, wherever a proxy shows it
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 * @throws {Refusal} no answer, or one that refuses
 */
export async function request(path, options = {}) {
  const headers = new Headers(options.headers);
  const token = key.get();
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal({ status: 0, detail: "", code: "no-answer" });
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  const seconds = Number(response.headers.get("Retry-After"));
  throw new Refusal(
    { request_id: response.headers.get("X-Request-Id") ?? "", ...problem, status: response.status, detail: String(problem.detail ?? "") },
    response.headers.has("Retry-After") && Number.isFinite(seconds) ? seconds : null,
  );
}

/**
 * @template Answer
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<Answer>}
 */
export async function ask(path, options) {
  return (await request(path, options)).json();
}

/**
 * A form of fields; what is null, undefined or empty isn't sent. A list is a field that comes again, empty ones too.
 * @param {Record<string, unknown>} fields
 */
export function form(fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || value === undefined || value === "") continue;
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each instanceof Blob) body.append(name, each, /** @type {File} */ (each).name || "picture");
      else body.append(name, String(each));
    }
  }
  return body;
}
