/** The shots: pictures of one person that are searched with. The whole window takes them. */

import { useFiles } from "../core/files.js";
import { html, useRef, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { Picture } from "../core/picture.js";
import { t } from "../core/words.js";
import { Later } from "../shell/later.js";
import { store, useApp } from "../shell/state.js";
import { MOST_SHOTS, addShots, change, question, removeShot } from "./actions.js";

const GALLERY = () => import("../gallery/pick.js");
const BOX = () => import("./box.js");

export function ShotStrip() {
  const shots = useApp((state) => state.shots);
  const lack = useApp((state) => state.lack);
  const answered = useApp((state) => state.answered);
  const like = useApp((state) => state.route.params.get("like"));
  const detects = useApp((state) => state.me?.detects ?? false);
  const finds = useApp((state) => state.finds);
  const most = Math.max(0, ...shots.map((shot) => shot.people?.length ?? 0));
  const [picking, setPicking] = useState(false);
  const [boxed, setBoxed] = useState(/** @type {string | null} */ (null));
  const over = useFiles(addShots);
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const open = shots.find((shot) => shot.id === boxed);
  const asksAgain = shots.length === 0 && !like && !answered && question().camera !== "";
  const problem = lack?.field === "shots" ? t(lack.code, lack.values) : "";

  return html`<div class="shots ${over ? "over" : ""}">
    <ul aria-label=${t("shots.label")}>
      ${like &&
      html`<li class="shot">
        <${Picture} path=${`gallery/sightings/${encodeURIComponent(like)}/image`} alt=${t("shots.like", { id: like })} eager=${true} />
        <button type="button" class="corner" aria-label=${t("shots.remove", { i: 1 })} onClick=${() => change({ like: "" })}><${Icon} name="close" size=${14} /></button>
      </li>`}
      ${(like ? [] : shots).map(
        (shot, place) => html`<li class="shot" key=${shot.id}>
          ${shot.shows ? html`<div class="picture"><img src=${shot.url} alt=${t("shots.shot", { i: place + 1 })} /></div>` : html`<div class="picture empty">${t("shots.unseen")}<br />${shot.name}</div>`}
          <button type="button" class="corner" aria-label=${t("shots.remove", { i: place + 1 })} onClick=${() => removeShot(shot.id)}><${Icon} name="close" size=${14} /></button>
          ${shot.shows &&
          html`<button type="button" class="under" aria-label=${`${t(shot.box ? "box.change" : "box.draw")}, ${t("shots.shot", { i: place + 1 })}`} onClick=${() => setBoxed(shot.id)}><${Icon} name="box" size=${14} /></button>`}
        </li>`,
      )}
      ${(like || shots.length < MOST_SHOTS) &&
      html`<li class="add">
        <button type="button" id="add" aria-describedby=${problem ? "shots-problem" : undefined} onClick=${() => input.current?.click()}>
          <${Icon} name="add" />
          <span>${t(shots.length || like ? "shots.more" : "shots.first")}<br /><small>${t("shots.how")}</small></span>
        </button>
        <input ref=${input} type="file" accept="image/*,.tif,.tiff" multiple hidden
          onChange=${(/** @type {Event} */ event) => {
            const field = /** @type {HTMLInputElement} */ (event.currentTarget);
            addShots(field.files ?? []);
            field.value = "";
          }} />
      </li>`}
    </ul>
    <p class="buttons"><button type="button" id="from-gallery" onClick=${() => setPicking(true)}><${Icon} name="gallery" size=${16} /> ${t("shots.gallery")}</button></p>
    ${detects && !like && shots.length > 0 && !shots.some((shot) => shot.box) &&
    html`<label class="tick" for="finds"><input type="checkbox" id="finds" checked=${finds} onChange=${(/** @type {Event} */ event) => store.set({ finds: /** @type {HTMLInputElement} */ (event.currentTarget).checked })} /> ${t("find.person")}</label>`}
    ${!like && most > 1 && html`<p class="note" role="status">${t("find.took", { n: most })}</p>`}
    ${asksAgain && !problem && html`<p class="note">${t("shots.gone")}</p>`}
    ${problem && html`<p class="problem" id="shots-problem" role="alert">${problem}</p>`}
    ${picking && html`<${Later} load=${GALLERY} onClose=${() => setPicking(false)} />`}
    ${open && html`<${Later} load=${BOX} shot=${open} onClose=${() => setBoxed(null)} />`}
  </div>`;
}
