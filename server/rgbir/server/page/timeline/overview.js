/** The whole gallery below the lanes, and the window on it: a slider of two thumbs with a middle to drag. */

import { Refusal, ask } from "../core/api.js";
import { onForget } from "../core/forget.js";
import { html, useEffect, useRef, useState } from "../core/html.js";
import { day, moment, t, zone } from "../core/words.js";
import { useApp } from "../shell/state.js";
import { DAY } from "./days.js";
import { drawnBars, hoursFit, overviewOf, placed, thumbed } from "./counts.js";
import { LEAST, centred } from "./windows.js";

/** @typedef {import("./windows.js").Window} Window */
/** @typedef {import("./counts.js").Overview} Whole */

const HEIGHT = 28;
/** Shorter than that, dates alone would come twice. */
const SHORT = 4 * DAY;
/** @type {{ key: string, whole: Whole | null } | null} */
let known = null;
onForget(() => (known = null));

/** Sightings by day, and by the hour where there aren't too many; null where the server doesn't tell. @returns {Promise<Whole | null>} */
async function counted() {
  const counts = (/** @type {string} */ by) => ask(`gallery/counts?by=${by}&zone=${encodeURIComponent(zone())}`);
  try {
    const days = overviewOf(await counts("day"));
    return days && hoursFit(days) ? overviewOf(await counts("hour")) : days;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return null;
  }
}

/** @param {{ window: Window, width: number, extent: Window, onWindow: (window: Window) => void }} props */
export function Overview({ window, width, extent, onWindow }) {
  const generation = useApp((state) => state.gallery?.generation ?? -1);
  const key = `${generation} ${zone()}`;
  const [whole, setWhole] = useState(known?.key === key ? known.whole : null);
  const track = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEffect(() => {
    if (known?.key === key) return undefined;
    let gone = false;
    void counted().then((found) => {
      known = { key, whole: found };
      if (!gone) setWhole(found);
    });
    return () => {
      gone = true;
    };
  }, [key]);
  if (!whole || width <= 0) return null;

  const all = { from: Math.min(whole.from, extent.from), to: Math.max(whole.to, extent.to) };
  const x = (/** @type {number} */ at) => (Math.min(Math.max((at - all.from) / (all.to - all.from), 0), 1) * width);
  const [left, right] = [x(window.from), x(window.to)];
  const least = Math.min(LEAST, window.to - window.from);
  const momentAt = (/** @type {PointerEvent} */ event) => {
    const box = track.current?.getBoundingClientRect();
    return box ? all.from + ((event.clientX - box.left) / box.width) * (all.to - all.from) : all.from;
  };
  const grab = (/** @type {PointerEvent} */ event) => {
    event.stopPropagation();
    /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
  };
  const holds = (/** @type {PointerEvent} */ event) => /** @type {HTMLElement} */ (event.currentTarget).hasPointerCapture(event.pointerId);
  const thumb = (/** @type {"from" | "to"} */ which) => html`<div class=${`thumb ${which}`} role="slider" tabindex="0" aria-label=${t(which === "from" ? "time.begins" : "time.ends")} aria-orientation="horizontal"
    aria-valuemin=${Math.round(all.from / 1000)} aria-valuemax=${Math.round(all.to / 1000)} aria-valuenow=${Math.round(Math.min(Math.max(window[which], all.from), all.to) / 1000)} aria-valuetext=${moment(new Date(window[which]), { year: true })}
    style=${{ left: `${which === "from" ? left : right}px` }}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
      const next = thumbed(event.key, which, window, all, least);
      if (!next) return;
      event.preventDefault();
      onWindow(next);
    }}
    onPointerDown=${grab} onPointerMove=${(/** @type {PointerEvent} */ event) => holds(event) && onWindow(placed(which, momentAt(event), window, all, least))}></div>`;
  const dates = [0, 1 / 3, 2 / 3].map((share) => all.from + share * (all.to - all.from));
  return html`<div class="overview">
    <div class="lane-head">${t("time.overview")} ${t(whole.by === "hour" ? "time.hourly" : "time.daily")}</div>
    <div class="overview-track" ref=${track} role="group" aria-label=${t("time.overview")}
      onPointerDown=${(/** @type {PointerEvent} */ event) => onWindow(centred(window, momentAt(event)))}>
      <svg aria-hidden="true" focusable="false" width=${width} height=${HEIGHT}>
        <g transform=${`translate(${x(whole.from)} 0)`}><path d=${drawnBars(whole, Math.max(1, x(whole.to) - x(whole.from)), HEIGHT)} /></g>
      </svg>
      <div class="middle" aria-hidden="true" style=${{ left: `${left}px`, width: `${right - left}px` }} onPointerDown=${grab}
        onPointerMove=${(/** @type {PointerEvent} */ event) => holds(event) && onWindow(centred(window, momentAt(event)))}></div>
      ${thumb("from")}${thumb("to")}
      <div class="overview-dates" aria-hidden="true">${[...dates, all.to].map((at) => html`<span>${all.to - all.from < SHORT ? moment(new Date(at)) : day(new Date(at))}</span>`)}</div>
    </div>
  </div>`;
}
