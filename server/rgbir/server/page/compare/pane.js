/** One of the two pictures, as near and where the look says. */

import { html, useEffect, useLayoutEffect, useRef, useState } from "../core/html.js";
import { whyBroken } from "../core/picture.js";
import { rich } from "../core/rich.js";
import { t } from "../core/words.js";
import { pictureAt } from "./ahead.js";
import { useGestures } from "./gestures.js";
import { SQUARES, fitted, isWhole, laid, level, panned, pointAt, seen, zoomed } from "./zoom.js";

/** @typedef {{ key: string, alt: string, url?: string, path?: string | null, box?: number[] | null, gone?: string }} Source */

/**
 * @param {{ which: 0 | 1, head: unknown, source: Source, look: import("./zoom.js").Look, alone: number | null, grey: boolean,
 *   onLook: (change: (look: import("./zoom.js").Look) => import("./zoom.js").Look) => void, onTouch: () => void, onSwipe: (direction: 1 | -1) => void,
 *   onRuler: (height: number | null) => void, ruler: { current: HTMLElement | null }, over?: unknown }} props
 *   `alone`: the picture that is moved alone, null where both are in step; `onTouch`: the pointer went down on this one; `over`: what is drawn
 *   over the part of the picture that is shown
 */
export function PicturePane({ which, head, source, look, alone, grey, onLook, onTouch, onSwipe, onRuler, ruler, over }) {
  const pane = useRef(/** @type {HTMLDivElement | null} */ (null));
  const frame = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [room, setRoom] = useState({ width: 0, height: 0 });
  const [image, setImage] = useState({ key: "", width: 0, height: 0 });
  const [url, setUrl] = useState({ key: "", url: "" });
  const [broken, setBroken] = useState("");
  const [erased, setErased] = useState("");
  const [tries, setTries] = useState(0);

  useEffect(() => {
    if (source.url) return setUrl({ key: source.key, url: source.url });
    if (!source.path) return undefined;
    let gone = false;
    setBroken("");
    pictureAt(source.path).then(
      (found) => !gone && setUrl({ key: source.key, url: found }),
      async (error) => {
        const why = await whyBroken(source.path ?? "", error);
        if (!gone) (why === "erased" ? setErased : setBroken)(source.key);
      },
    );
    return () => {
      gone = true;
    };
  }, [source.key, source.url, source.path, tries]);

  useLayoutEffect(() => {
    const element = pane.current;
    if (!element) return undefined;
    const watcher = new ResizeObserver(() => setRoom({ width: element.clientWidth, height: element.clientHeight }));
    watcher.observe(element);
    return () => watcher.disconnect();
  }, []);

  const ready = image.key === source.key;
  const [left, top, right, bottom] = source.box ?? [0, 0, image.width, image.height];
  const part = { width: right - left, height: bottom - top };
  const place = laid(look, which, part, room);
  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    for (const edge of /** @type {const} */ (["left", "top", "width", "height"])) element.style[edge] = `${place[edge]}px`;
    const picture = /** @type {HTMLElement | null} */ (element.firstElementChild);
    if (!picture || !part.width) return;
    picture.style.left = `${(-left / part.width) * 100}%`;
    picture.style.top = `${(-top / part.height) * 100}%`;
    picture.style.width = `${(image.width / part.width) * 100}%`;
    picture.style.height = `${(image.height / part.height) * 100}%`;
  });

  const moved = alone === null ? null : which;
  useGestures(pane, {
    whole: isWhole(look),
    onSwipe,
    onDrag: (x, y) => onLook((now) => {
      const fit = fitted(part, room);
      const { zoom } = seen(now, which);
      return panned(now, -x / (fit.width * zoom || 1), -y / (fit.height * zoom || 1), moved);
    }),
    onZoom: (factor, x, y) => onLook((now) => zoomed(now, seen(now, which).zoom * factor, moved, pointAt(laid(now, which, part, room), x, y), which)),
    onDouble: (x, y) => onLook((now) => zoomed(now, seen(now, which).zoom > 1 ? 1 : level(2, 1), moved, pointAt(laid(now, which, part, room), x, y), which)),
  });
  const point = (/** @type {PointerEvent} */ event) => onRuler(event.clientY - /** @type {HTMLElement} */ (pane.current).getBoundingClientRect().top);
  const squares = seen(look, which).zoom > SQUARES;
  const none = source.gone ?? (erased === source.key ? t("hit.erased") : source.url || source.path ? "" : t("hit.nopicture"));

  return html`<figure class="pane ${alone === which ? "alone" : ""}">
    <figcaption>${head}</figcaption>
    <div class="pane-room ${isWhole(look) ? "whole" : ""}" ref=${pane} onPointerDown=${onTouch} onPointerMove=${point} onPointerLeave=${() => onRuler(null)}>
      <div class="pane-frame ${squares ? "squares" : ""} ${grey ? "grey" : ""}" ref=${frame}>
        ${!none && url.key === source.key && broken !== source.key &&
        html`<img key=${source.key} class=${ready ? "" : "coming"} src=${url.url} alt=${source.alt} draggable=${false} onError=${() => setBroken(source.key)}
          onLoad=${(/** @type {Event} */ event) => {
            const loaded = /** @type {HTMLImageElement} */ (event.currentTarget);
            setImage({ key: source.key, width: loaded.naturalWidth, height: loaded.naturalHeight });
          }} />`}
        ${!none && ready && broken !== source.key && over}
      </div>
      ${none && html`<p class="pane-none">${none}</p>`}
      ${!none && broken === source.key && html`<p class="pane-none">${rich("hit.failed", {}, () => (setBroken(""), setTries(tries + 1)))}</p>`}
      <div class="ruler" ref=${ruler} aria-hidden="true" hidden></div>
    </div>
  </figure>`;
}
