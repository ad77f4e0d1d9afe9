/** Nothing is here: why, and what one may do about it. */

import { html } from "./html.js";

/** @param {{ title: string, text?: unknown, action?: unknown, children?: unknown }} props */
export const Empty = ({ title, text, action, children }) => html`<div class="nothing"><h3>${title}</h3>${text && html`<p>${text}</p>`}${children}${action && html`<p>${action}</p>`}</div>`;

/** A command to type, as it is. @param {{ text: string }} props */
export const Command = ({ text }) => html`<pre class="command" tabindex="0"><code>${text}</code></pre>`;
