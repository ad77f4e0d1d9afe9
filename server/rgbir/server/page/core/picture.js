/** Pictures of the server. With a key they are fetched with it and shown from memory, and let go when they leave. */

import { Refusal, key, request } from "./api.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { rich } from "./rich.js";
import { t } from "./words.js";

/** Loads what comes near the window: one observer for all pictures. @type {Map<Element, () => void>} */
const waiting = new Map();
const observer =
  typeof IntersectionObserver === "undefined"
    ? null
    : new IntersectionObserver(
        (entries) => {
          for (const entry of entries) {
            if (!entry.isIntersecting) continue;
            waiting.get(entry.target)?.();
            waiting.delete(entry.target);
            observer?.unobserve(entry.target);
          }
        },
        { rootMargin: "400px" },
      );

/**
 * Why a picture isn't there: an element of the page isn't told, so it is asked for once more.
 * @param {string} path
 * @param {unknown} [error] what was told
 * @returns {Promise<"erased" | "failed">}
 */
export async function whyBroken(path, error) {
  const refusal = error instanceof Refusal ? error : await request(path).catch((/** @type {unknown} */ again) => again);
  return refusal instanceof Refusal && refusal.status === 404 && path.includes("sightings/") ? "erased" : "failed";
}

/**
 * @param {{ path: string | null | undefined, alt?: string, eager?: boolean, className?: string, onSize?: (image: HTMLImageElement) => void }} props
 */
export function Picture({ path, alt = "", eager = false, className = "", onSize }) {
  const [url, setUrl] = useState(/** @type {string | null} */ (null));
  const [failed, setFailed] = useState(0);
  const [broken, setBroken] = useState(/** @type {"" | "erased" | "failed"} */ (""));
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const latest = useRef(path);
  latest.current = path;

  useEffect(() => {
    if (!path) return undefined;
    let gone = false;
    /** @type {string | null} */
    let made = null;
    setBroken("");
    const load = async () => {
      if (!key.get()) return setUrl(failed ? `${path}?again=${failed}` : path);
      try {
        const blob = await (await request(path)).blob();
        if (gone) return undefined;
        made = URL.createObjectURL(blob);
        return setUrl(made);
      } catch (error) {
        const why = await whyBroken(path, error);
        return gone ? undefined : setBroken(why);
      }
    };
    const element = place.current;
    if (eager || !observer || !element) void load();
    else {
      waiting.set(element, load);
      observer.observe(element);
    }
    return () => {
      gone = true;
      if (element) {
        waiting.delete(element);
        observer?.unobserve(element);
      }
      if (made) URL.revokeObjectURL(made);
      setUrl(null);
    };
  }, [path, failed, eager]);

  if (!path) return html`<div class="picture empty ${className}">${t("hit.nopicture")}</div>`;
  if (broken === "erased") return html`<div class="picture empty ${className}">${t("hit.erased")}</div>`;
  if (broken) {
    const again = () => {
      setBroken("");
      setFailed(failed + 1);
    };
    return html`<div class="picture empty ${className}"><span>${rich("hit.failed", {}, again)}</span></div>`;
  }
  return html`<div class="picture ${className}" ref=${place}>
    ${url && html`<img src=${url} alt=${alt} decoding="async" onError=${() => whyBroken(path).then((why) => latest.current === path && setBroken(why))} onLoad=${(/** @type {Event} */ event) => onSize?.(/** @type {HTMLImageElement} */ (event.currentTarget))} />`}
  </div>`;
}
