/** A link to the moment in the site's video system, in a tab of its own; nothing where the camera has none. */

import { html } from "./html.js";
import { Icon } from "./icons.js";
import { t } from "./words.js";

/** @param {{ address: string | null | undefined, of?: string }} props `of`: whose, where several stand together */
export const Recording = ({ address, of = "" }) =>
  address ? html`<a class="button" href=${address} target="_blank" rel="noopener noreferrer" referrerpolicy="no-referrer"><${Icon} name="play" size=${16} /> ${t("recording")}${of && html` <span class="unseen">${of}</span>`}</a>` : null;
