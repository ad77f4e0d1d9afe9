/** How far something long is: a bar, and the same in words. */

import { html } from "./html.js";

/** @param {{ done: number, total: number, text: string, label?: string }} props */
export const Progress = ({ done, total, text, label = text }) =>
  html`<div class="progress"><progress aria-label=${label} max=${Math.max(total, 1)} value=${Math.min(done, Math.max(total, 1))}></progress><span>${text}</span></div>`;
