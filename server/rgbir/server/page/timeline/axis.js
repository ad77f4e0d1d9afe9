/** The axis: local times at ticks of real time; days with a thick line and a date, the double hour with its offset. */

import { html } from "../core/html.js";
import { clock, day, language, zone } from "../core/words.js";
import { offset } from "../search/moments.js";
import { DAY, MINUTE, shownAt } from "./days.js";

/** @typedef {import("./ticks.js").Tick} Tick */
/** @typedef {import("./ticks.js").Step} Step */

/** The zone's city, as people call it. */
const city = () => (zone().split("/").at(-1) ?? "").replaceAll("_", " ");

/** @param {number} at */
function ahead(at) {
  const minutes = offset(new Date(at), zone());
  const rest = Math.abs(minutes) % 60;
  return `${minutes < 0 ? "−" : "+"}${Math.floor(Math.abs(minutes) / 60)}${rest ? `:${String(rest).padStart(2, "0")}` : ""}`;
}

/** @param {Tick} tick @param {Step} step */
export function labelOf(tick, step) {
  const date = new Date(tick.at);
  if (step.unit === "month") return new Intl.DateTimeFormat(language() === "en" ? "en-GB" : language(), { month: "short", year: "numeric", timeZone: zone() }).format(date);
  if (tick.day || step.unit !== "time") return day(date);
  return `${clock(date, step.ms < MINUTE)}${tick.twice ? ` ${ahead(tick.at)}` : ""}`;
}

/**
 * @param {{ ticks: Tick[], step: Step, window: import("./windows.js").Window, width: number, track: { current: HTMLElement | null } }} props
 */
export function Axis({ ticks, step, window, width, track }) {
  const place = (/** @type {number} */ at) => ({ left: `${((at - window.from) / (window.to - window.from)) * width}px` });
  const dated = ticks.some((tick) => tick.day) || step.ms >= DAY;
  const room = 34;
  const fits = (/** @type {Tick} */ tick) => ((tick.at - window.from) / (window.to - window.from)) * width >= room && ((window.to - tick.at) / (window.to - window.from)) * width >= room;
  return html`<div class="time-axis" aria-hidden="true">
    <div class="lane-head">${dated && shownAt(window.from, zone()) % DAY === 0 ? "" : `${day(new Date(window.from))}, `}${city()}</div>
    <div class="time-labels" ref=${track}>
      ${width > 0 && ticks.filter(fits).map((tick) => html`<span key=${tick.at} class=${tick.day ? "day" : ""} style=${place(tick.at)}>${labelOf(tick, step)}</span>`)}
    </div>
  </div>`;
}
