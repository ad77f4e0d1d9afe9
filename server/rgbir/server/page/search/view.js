/** Search: the question beside its answer. */

import { html } from "../core/html.js";
import { AnswerRegion } from "../answer/region.js";
import { Panel } from "./panel.js";

export default () => html`<div class="search">
  <${Panel} />
  <${AnswerRegion} />
</div>`;
