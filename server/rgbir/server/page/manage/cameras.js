/** Cameras: where each is, since when, in which light; added, moved and renamed after a look at what that changes. */

import { Refusal, ask } from "../core/api.js";
import { ConfirmTyped } from "../core/confirm.js";
import { Dialog } from "../core/dialog.js";
import { Empty } from "../core/empty.js";
import { html, useEffect, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { Table } from "../core/table.js";
import { moment, number, span, t } from "../core/words.js";
import { Tags } from "../search/camera.js";
import { Trouble } from "../shell/load.js";
import { may, refused, say, store, useApp } from "../shell/state.js";
import { CameraDialog } from "./camera.js";
import { passagesOf, stayAt } from "./stays.js";

/** @typedef {import("../core/types.js").CameraInfo} CameraInfo */
/** @typedef {import("../core/types.js").Network} Network */

/** The network as it is now, for the whole page. */
async function readNetwork() {
  const [network, gallery] = await Promise.all([/** @type {Promise<Network>} */ (ask("cameras")), /** @type {Promise<any>} */ (ask("gallery"))]);
  store.set({ network, gallery });
}

export default function Cameras() {
  const network = useApp((state) => state.network);
  const [edited, setEdited] = useState(/** @type {CameraInfo | null | undefined} */ (undefined));
  const [leaving, setLeaving] = useState(/** @type {CameraInfo | null} */ (null));
  const [failure, setFailure] = useState(/** @type {Refusal | null} */ (null));
  const administers = may("administer");
  useEffect(() => {
    readNetwork().catch(failed(setFailure));
  }, []);
  if (!network) return html`<div class="box"><${Trouble} failure=${failure} />${!failure && html`<p class="state">${t("loading")}</p>`}</div>`;
  const now = new Date();
  const walks = network.passages ?? [];
  const columns = [
    { name: "id", text: t("table.camera"), cell: (/** @type {CameraInfo} */ camera) => html`<strong>${camera.id}</strong>${(camera.aliases ?? []).length > 0 ? html`<br /><small class="soft">${t("camera.once", { list: camera.aliases ?? [] })}</small>` : ""}` },
    { name: "place", text: t("table.place"), cell: (/** @type {CameraInfo} */ camera) => html`<${Stays} camera=${camera} now=${now} />` },
    { name: "light", text: t("camera.light"), cell: (/** @type {CameraInfo} */ camera) => html`<${Tags} modalities=${camera.modalities} /> ${camera.scene ? html`<small class="soft">${t(`scene.${camera.scene}`)}</small>` : ""}` },
    { name: "sightings", number: true, text: t("camera.sightings"), cell: (/** @type {CameraInfo} */ camera) => number(camera.sightings) },
    { name: "passages", text: t("camera.passages"), cell: (/** @type {CameraInfo} */ camera) => html`<${Walks} walks=${passagesOf(walks, camera.place)} place=${camera.place} />` },
    ...(administers
      ? [{ name: "do", text: t("camera.do"), cell: (/** @type {CameraInfo} */ camera) => html`<div class="row-buttons">
          <button type="button" aria-label=${t("camera.change.of", { c: camera.id })} onClick=${() => setEdited(camera)}>${t("change")}</button>
          ${camera.sightings === 0 && html`<button type="button" aria-label=${t("camera.remove.of", { c: camera.id })} onClick=${() => setLeaving(camera)}>${t("camera.remove")}</button>`}</div>` }]
      : []),
  ];
  return html`<section aria-labelledby="cameras-title">
    <div class="head"><h2 id="cameras-title">${t("manage.cameras")}</h2><span class="soft">${network.name}</span><span class="grow"></span>
      ${administers && html`<button type="button" class="primary" onClick=${() => setEdited(null)}><${Icon} name="add" /> ${t("camera.add")}</button>`}</div>
    <${Trouble} failure=${failure} />
    ${network.cameras.length === 0
      ? html`<${Empty} title=${t("camera.empty")} text=${t("camera.empty.why")} />`
      : html`<${Table} caption=${t("manage.cameras")} columns=${columns} rows=${network.cameras} keyOf=${(/** @type {CameraInfo} */ camera) => camera.id} />`}
    ${edited !== undefined && html`<${CameraDialog} camera=${edited} plan=${network.plan ?? null} onClose=${() => setEdited(undefined)} onSaved=${readNetwork} />`}
    ${leaving && html`<${RemoveDialog} camera=${leaving} onClose=${() => setLeaving(null)} />`}
  </section>`;
}

/** Where it is since when, and where it was and will be. @param {{ camera: CameraInfo, now: Date }} props */
function Stays({ camera, now }) {
  const current = stayAt(camera, now);
  const others = (camera.places ?? []).filter((stay) => stay !== current);
  const since = (/** @type {{ place: string, since?: string | null }} */ stay) => (stay.since ? t("camera.since", { time: moment(stay.since, { year: true }) }) : t("camera.always"));
  return html`<span>${camera.place}</span> <small class="soft">${since(current)}</small>
    ${others.map((stay) => html`<br /><small class="soft">${stay.place}, ${since(stay)}</small>`)}`;
}

/** @param {{ walks: { origin: string, destination: string, soonest_s: number, latest_s?: number | null }[], place: string }} props */
const Walks = ({ walks, place }) =>
  html`${walks.map((walk) => html`<div class="walk">${walk.origin === place ? walk.destination : walk.origin} <span class="soft">${walk.latest_s ? t("camera.walk", { soonest: span(walk.soonest_s), latest: span(walk.latest_s) }) : t("camera.walk.least", { soonest: span(walk.soonest_s) })}</span></div>`)}`;

/** @param {{ camera: CameraInfo, onClose: () => void }} props */
function RemoveDialog({ camera, onClose }) {
  const [failure, setFailure] = useState(/** @type {Refusal | null} */ (null));
  const [busy, setBusy] = useState(false);
  const remove = async () => {
    setBusy(true);
    try {
      await ask(`cameras/${encodeURIComponent(camera.id)}`, { method: "DELETE" });
      await readNetwork();
      say(t("camera.removed", { c: camera.id }));
      onClose();
    } catch (error) {
      failed(setFailure)(error);
    }
    setBusy(false);
  };
  return html`<${Dialog} title=${t("camera.remove.of", { c: camera.id })} onClose=${onClose} stays=${true}>
    <p>${t("camera.remove.what")}</p>
    <${Trouble} failure=${failure} />
    <${ConfirmTyped} word=${camera.id} busy=${busy} onConfirm=${remove}>${t("camera.remove")}<//>
  <//>`;
}

/** @param {(failure: Refusal) => void} set */
export const failed = (set) => (/** @type {unknown} */ error) => {
  if (!(error instanceof Refusal)) throw error;
  set(error);
  refused(error);
};
