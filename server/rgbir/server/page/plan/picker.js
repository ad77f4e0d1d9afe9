/** The plan as a picker of the query's camera: a place, and where it has several, which of its cameras. */

import { html, useMemo, useState } from "../core/html.js";
import { t } from "../core/words.js";
import { useApp } from "../shell/state.js";
import { Tags } from "../search/camera.js";
import { nodesOf } from "./model.js";
import { Plan } from "./plan.js";

/** @param {{ chosen: string, at: string, onChoose: (camera: string) => void }} props `at`: when the pictures were taken; cameras are where they were then */
export default function PlanPicker({ chosen, at, onChoose }) {
  const network = useApp((state) => state.network);
  const [camera, setCamera] = useState(chosen);
  const [place, setPlace] = useState("");
  const nodes = useMemo(() => (network ? nodesOf(network, at || null, null) : []), [network, at]);
  if (!network || !nodes.length) return null;
  const node = nodes.find((each) => each.place === place) ?? nodes.find((each) => each.cameras.includes(camera));
  const cameras = network.cameras.filter((each) => node?.cameras.includes(each.id));
  const choose = (/** @type {string} */ name) => {
    const there = nodes.find((each) => each.place === name)?.cameras ?? [];
    setPlace(name);
    setCamera(there.length === 1 || there.includes(camera) ? (there.includes(camera) ? camera : there[0]) : "");
  };
  return html`<div class="picker">
    <${Plan} network=${network} nodes=${nodes} chosen=${node?.place ?? ""} label=${t("plan.places")} onChoose=${choose} />
    ${cameras.length > 1 &&
    html`<fieldset class="choices"><legend class="label">${t("plan.which", { place: node?.place })}</legend>
      ${cameras.map((each) => html`<label><input type="radio" name="plan-camera" checked=${each.id === camera} onChange=${() => setCamera(each.id)} /> <strong>${each.id}</strong> <${Tags} modalities=${each.modalities} /></label>`)}
    </fieldset>`}
    <p class="buttons"><button type="button" class="primary" disabled=${!camera} onClick=${() => onChoose(camera)}>${camera ? t("plan.use", { c: camera }) : t("plan.choose")}</button></p>
  </div>`;
}
