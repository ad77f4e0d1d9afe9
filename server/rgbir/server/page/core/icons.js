/** Icons as paths of 20 by 20; words stand beside them wherever they mean something. */

import { html } from "./html.js";

/** @type {Record<string, string>} */
const PATHS = {
  add: "M10 4v12M4 10h12",
  bin: "M4 6h12M8 6V4h4v2M6 6l1 11h6l1-11M9 9v5M11 9v5",
  box: "M4 7V4h3M13 4h3v3M16 13v3h-3M7 16H4v-3",
  camera: "M3 7h3l1.5-2h5L14 7h3v9H3zM10 9a2.6 2.6 0 100 5.2A2.6 2.6 0 0010 9z",
  case: "M3 7h14v9H3zM7 7V4h6v3M3 11h14",
  check: "M4 10.5l4 4 8-9",
  question: "M7 7.5a3 3 0 116 .2c0 1.8-3 2.2-3 4.3M10 15.4v.6",
  note: "M4 3h12v9l-5 5H4zM16 12h-5v5",
  play: "M6 4l10 6-10 6z",
  print: "M6 7V3h8v4M6 14H3V7h14v7h-3M6 12h8v5H6z",
  shield: "M10 2l7 3v5c0 4-3 7-7 8-4-1-7-4-7-8V5z",
  undo: "M7 4L3 8l4 4M3 8h9a4 4 0 010 8H8",
  close: "M5 5l10 10M15 5L5 15",
  down: "M5 8l5 5 5-5",
  up: "M5 12l5-5 5 5",
  gallery: "M3 4h6v12H3zM11 4h6v12h-6z",
  clock: "M10 3a7 7 0 100 14 7 7 0 000-14zM10 6v4l3 2",
  left: "M12 5l-5 5 5 5",
  link: "M8 12l4-4M9 6l1-1a3.5 3.5 0 015 5l-1 1M11 14l-1 1a3.5 3.5 0 01-5-5l1-1",
  lock: "M5 9h10v8H5zM7 9V6a3 3 0 016 0v3",
  menu: "M3 5h14M3 10h14M3 15h14",
  minus: "M4 10h12",
  moon: "M16 12A7 7 0 018 4a7 7 0 108 8z",
  person: "M10 3a3.5 3.5 0 100 7 3.5 3.5 0 000-7zM3.5 18c0-4 2.5-6 6.5-6s6.5 2 6.5 6",
  right: "M8 5l5 5-5 5",
  search: "M9 3a6 6 0 100 12A6 6 0 009 3zM13.5 13.5L18 18",
  settings: "M3 6h8M15 6h2M3 14h2M9 14h8M11 4h4v4h-4zM5 12h4v4H5z",
  sun: "M10 6.5a3.5 3.5 0 100 7 3.5 3.5 0 000-7zM10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6L16 16M16 4l-1.4 1.4M5.4 14.6L4 16",
  triangle: "M10 3l8 14H2zM10 8v4M10 14.2v.6",
  upload: "M10 13V4M6 8l4-4 4 4M4 16h12",
};

/** @param {{ name: string, size?: number }} props */
export const Icon = ({ name, size = 18 }) =>
  html`<svg class="icon" viewBox="0 0 20 20" width=${size} height=${size} aria-hidden="true" focusable="false"><path d=${PATHS[name] ?? ""} /></svg>`;
