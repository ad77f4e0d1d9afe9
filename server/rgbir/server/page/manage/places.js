/** The plan of Cameras: where places are, and for whoever may, where they are moved to; saved once it was looked at. */

import { ask, form } from "../core/api.js";
import { html, useMemo, useState } from "../core/html.js";
import { number, t } from "../core/words.js";
import { nodesOf } from "../plan/model.js";
import { Plan } from "../plan/plan.js";
import { Trouble } from "../shell/load.js";
import { say } from "../shell/state.js";
import { failed, readNetwork } from "./network.js";
import { moved, savesOf } from "./positions.js";

/** @typedef {import("../core/types.js").Network} Network */

/** @type {Map<string, [number, number]>} */
const NONE = new Map();

/** @param {{ network: Network, administers: boolean }} props */
export function Places({ network, administers }) {
  const [chosen, setChosen] = useState("");
  const [moving, setMoving] = useState(false);
  const [moves, setMoves] = useState(NONE);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState(/** @type {any} */ (null));
  const there = useMemo(() => nodesOf(network, null, null), [network]);
  const nodes = useMemo(() => moved(there, moves), [there, moves]);
  if (!nodes.length) return null;
  const { saves, later } = savesOf(network.cameras, moves, new Date());
  const move = (/** @type {string} */ place, /** @type {[number, number]} */ position) => {
    setChosen(place);
    setMoves(new Map([...moves, [place, position]]));
  };
  const undo = () => {
    setMoves(NONE);
    setFailure(null);
  };
  const save = async () => {
    setBusy(true);
    setFailure(null);
    try {
      for (const { camera, fields } of saves) await ask(`cameras/${encodeURIComponent(camera)}`, { method: "PUT", body: form(fields) });
      await readNetwork();
      setMoves(NONE);
      say(t("places.saved"));
    } catch (error) {
      failed(setFailure)(error);
      await readNetwork().catch(() => {});
    }
    setBusy(false);
  };
  return html`<section class="box" aria-labelledby="places-title">
    <div class="head"><h3 id="places-title">${t("places.title")}</h3><span class="grow"></span>
      ${administers && html`<button type="button" class="toggle" aria-pressed=${moving} onClick=${() => setMoving(!moving)}>${t("places.move")}</button>`}</div>
    ${moving && html`<p class="note">${t("places.move.how")} ${t(network.picture ? "places.unit.picture" : "places.unit.own")}</p>`}
    <${Plan} network=${network} nodes=${nodes} chosen=${chosen} label=${t("plan.places")} onChoose=${setChosen} onMove=${moving ? move : undefined} />
    ${moves.size > 0 &&
    html`<div class="preview" role="group" aria-label=${t("camera.preview")}>
      <ul class="plain-list">${saves.map(({ camera, place, from, to }) => html`<li><strong>${t("camera.named", { c: camera })}</strong> (${place}): ${t("places.change", { from: from ? at(from) : t("places.nowhere"), to: at(to) })}</li>`)}</ul>
      ${later.length > 0 && html`<p class="note">${t("places.later", { list: later })}</p>`}
      <p class="note">${t("camera.touches.none")}</p>
      <${Trouble} failure=${failure} />
      <p class="buttons"><button type="button" onClick=${undo}>${t("places.undo")}</button>
        <button type="button" class="primary" disabled=${saves.length === 0} aria-busy=${busy} onClick=${save}>${t("places.save", { n: saves.length })}</button></p>
    </div>`}
  </section>`;
}

/** @param {readonly number[]} position */
const at = (position) => position.map((value) => number(value, { maximumFractionDigits: 2 })).join("; ");
