/** What can't be walked in time is hatched, what takes longer than the longest walk dotted: no colour is needed to tell them. */

import { html } from "../core/html.js";

export const Patterns = () => html`<svg class="patterns" width="0" height="0" aria-hidden="true" focusable="false">
  <defs>
    <pattern id="time-never" width="8" height="8" patternUnits="userSpaceOnUse"><path class="hatch" d="M-2 2l4-4M0 8l8-8M6 10l4-4" /></pattern>
    <pattern id="time-beyond" width="8" height="8" patternUnits="userSpaceOnUse"><circle class="dot" cx="4" cy="4" r="1" /></pattern>
  </defs>
</svg>`;

/** @param {{ kind: string }} props */
const Sample = ({ kind }) => html`<svg class="sample" width="22" height="14" aria-hidden="true" focusable="false">
  <rect class=${`shade ${kind}`} width="22" height="14" />${kind !== "walk" && html`<rect width="22" height="14" fill=${`url(#time-${kind})`} />`}<rect class="frame" x=".5" y=".5" width="21" height="13" />
</svg>`;

/** @param {{ kinds: string[], thin: boolean, texts: Record<string, string>, several: string }} props */
export const Legend = ({ kinds, thin, texts, several }) => html`<ul class="legend">
  ${kinds.map((kind) => html`<li><${Sample} kind=${kind} /> ${kind === "never" && thin ? texts.thin : texts[kind]}</li>`)}
  <li><span class="pill" aria-hidden="true">×7</span> ${several}</li>
</ul>`;
