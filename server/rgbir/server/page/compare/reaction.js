/** Where the network reacted in the two pictures, and not why: maps of `POST /explain`, drawn over them when somebody asks. */

import { ask, form } from "../core/api.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../core/html.js";
import { t } from "../core/words.js";
import { shade } from "./shade.js";

/** @typedef {import("./pane.js").Source} Source */
/** @typedef {{ sighting: string, modality: string } | { images: File, modality: string, box: string | null }} Asked */
/** @typedef {{ rows: number, columns: number, values: number[][] }} Reactions */

/** Whether the model that answers has such maps; its bundle has none whose two tests don't hold. @param {string} fingerprint of the model */
export function useHasReactions(fingerprint) {
  const [has, setHas] = useState({ of: "", has: false });
  useEffect(() => {
    ask("model").then(
      (card) => setHas({ of: fingerprint, has: Boolean(card.reaction) }),
      () => {},
    );
  }, [fingerprint]);
  return has.of === fingerprint && has.has;
}

/**
 * The map of one picture.
 * @param {string} key of the picture; null asks for nothing
 * @param {Asked | null} asked
 * @returns {{ map: Reactions | null, failed: boolean }}
 */
export function useReaction(key, asked) {
  const [found, setFound] = useState({ key: "", map: /** @type {Reactions | null} */ (null), failed: false });
  const wanted = asked ? key : "";
  useEffect(() => {
    if (!asked) return undefined;
    const stop = new AbortController();
    ask("explain", { method: "POST", body: form(asked), signal: stop.signal }).then(
      (map) => setFound({ key, map, failed: false }),
      (error) => error.name !== "AbortError" && setFound({ key, map: null, failed: true }),
    );
    return () => stop.abort();
  }, [wanted]);
  return wanted && found.key === wanted ? found : { map: null, failed: false };
}

/** Over a picture: a square for each place of its map. @param {{ map: Reactions, opacity: number }} props */
export function Shading({ map, opacity }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  useLayoutEffect(() => {
    const drawn = canvas.current?.getContext("2d");
    drawn?.putImageData(new ImageData(shade(map.values), map.columns, map.rows), 0, 0);
  }, [map]);
  useLayoutEffect(() => {
    if (canvas.current) canvas.current.style.opacity = String(opacity);
  }, [opacity]);
  return html`<canvas class="shading" ref=${canvas} width=${map.columns} height=${map.rows} aria-hidden="true"></canvas>`;
}

/** How strongly it is drawn, and what it isn't. @param {{ opacity: number, failed: boolean, onOpacity: (opacity: number) => void }} props */
export const ReactionBar = ({ opacity, failed, onOpacity }) => html`<div class="reaction" role="group" aria-label=${t("reaction.button")}>
  <p><strong>${t("reaction.not")}</strong> ${t("reaction.proof")}</p>
  <label>${t("reaction.opacity")} <input type="range" min="10" max="100" step="10" value=${Math.round(opacity * 100)}
    onInput=${(/** @type {Event} */ event) => onOpacity(Number(/** @type {HTMLInputElement} */ (event.currentTarget).value) / 100)} /></label>
  <p class="problem" role="status">${failed ? t("reaction.failed") : ""}</p>
</div>`;
