/** The camera that took the pictures, or that it isn't known. */

import { html, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { rich } from "../core/rich.js";
import { t } from "../core/words.js";
import { Later } from "../shell/later.js";
import { connect, useApp } from "../shell/state.js";
import { change, guessedCamera } from "./actions.js";
import { fromParams } from "./question.js";

const DIALOG = () => import("./cameras.js");

/** @param {{ modalities: string[] }} props */
export const Tags = ({ modalities }) => modalities.map((each) => html`<span class="tag ${each}">${t(`tag.${each}`)}</span>`);

export function CameraField() {
  const network = useApp((state) => state.network);
  const { camera, modality, like } = fromParams(useApp((state) => state.route.params));
  const lack = useApp((state) => state.lack);
  useApp((state) => state.shots);
  const [open, setOpen] = useState(false);
  if (like) return null;
  const chosen = network?.cameras.find((each) => each.id === camera);
  const guess = camera || modality ? null : guessedCamera();
  const problem = lack?.field === "camera";
  return html`<div class="field">
    <span class="label" id="camera-label">${t("camera.label")}</span>
    <button type="button" id="camera" class="select" aria-haspopup="dialog" aria-labelledby="camera-label camera" aria-describedby=${problem ? "camera-problem" : undefined} onClick=${() => setOpen(true)}>
      <span>
        ${chosen ? html`<strong>${chosen.id}</strong> ${chosen.place} <${Tags} modalities=${chosen.modalities} />` : camera || t(modality ? `camera.unknown.${modality}` : "camera.none")}
      </span>
      <${Icon} name="down" />
    </button>
    ${guess &&
    html`<p class="note">${t("camera.guessed")} <button type="button" class="link" onClick=${() => change({ camera: guess })}>${t("camera.confirm", { c: guess })}</button></p>`}
    ${problem && html`<p class="problem" id="camera-problem" role="alert">${t("need.camera")}</p>`}
    ${open && !network && html`<p class="problem" role="alert">${rich("camera.unread", {}, () => connect())}</p>`}
    ${open && network && html`<${Later} load=${DIALOG} cameras=${network.cameras} chosen=${camera} onClose=${() => setOpen(false)} />`}
  </div>`;
}
