/** Manage: cameras, models, evaluation, audit, keys, system; each role sees its own. */

import { html, useEffect } from "../core/html.js";
import { addTexts, t } from "../core/words.js";
import { useLater } from "../shell/later.js";
import { Forbidden } from "../shell/load.js";
import { go, store, useApp } from "../shell/state.js";
import { ANSWER } from "../texts/answer.js";
import { MANAGE } from "../texts/manage.js";
import { SHARED } from "../texts/shared.js";
import { style } from "../core/style.js";
import { MANAGE_PARTS, manageParts } from "./parts.js";

await Promise.all([style("shared"), style("manage")]);

addTexts(ANSWER);
addTexts(SHARED);
addTexts(MANAGE);

export default function Manage() {
  const path = useApp((state) => state.route.path);
  const me = useApp((state) => state.me);
  useApp((state) => state.language);
  const mine = manageParts(me?.rights ?? []);
  const name = path.split("/")[2] ?? "";
  const part = MANAGE_PARTS.find((each) => each.name === name);
  const barred = me !== null && part !== undefined && !mine.includes(part);
  useEffect(() => {
    // Effects run after a pause, and by then somebody may have gone on to a part.
    if (!part && mine.length && store.get().route.path === path) go(`#/manage/${mine[0].name}`, { replace: true });
  }, [path, me]);
  const Loaded = useLater(part?.load);
  return html`<div class="manage">
    <nav class="manage-nav" aria-label=${t("manage.label")}>
      ${mine.map((each) => html`<a href=${`#/manage/${each.name}`} aria-current=${each === part ? "page" : undefined}>${t(each.text)}</a>`)}
    </nav>
    <div class="manage-part">${barred ? html`<${Forbidden} parts=${mine.map((each) => ({ path: `/manage/${each.name}`, text: each.text }))} />` : Loaded ? html`<${Loaded} />` : html`<p class="state">${t("loading")}</p>`}</div>
  </div>`;
}
