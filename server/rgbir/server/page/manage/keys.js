/** Keys: who has one; a new one, whose token is shown once; the end of one. Where the server doesn't do it, the commands. */

import { request } from "../core/api.js";
import { ConfirmTyped } from "../core/confirm.js";
import { Dialog } from "../core/dialog.js";
import { Command, Empty } from "../core/empty.js";
import { html, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { Table } from "../core/table.js";
import { listed, moment, t } from "../core/words.js";
import { Trouble, useLoaded } from "../shell/load.js";
import { may, say, useApp } from "../shell/state.js";
import { failed } from "./network.js";
import { like } from "./keychoice.js";
import { NewKeyDialog } from "./newkey.js";

/** @typedef {import("../core/types.js").Schemas["KeyInfo"]} KeyInfo */

const COMMANDS = ["rgbir keys list --keys keys.json", "rgbir keys add NAME --role search --days 90 --keys keys.json", "rgbir keys rotate NAME --keys keys.json", "rgbir keys revoke NAME --keys keys.json"];

export default function Keys() {
  const me = useApp((state) => state.me);
  const { data, failure, again } = useLoaded(may("keys") ? "keys" : null);
  const [making, setMaking] = useState(false);
  const [turning, setTurning] = useState(/** @type {KeyInfo | null} */ (null));
  const [ending, setEnding] = useState(/** @type {KeyInfo | null} */ (null));
  if (me && !me.keys) return html`<${ByCommand} title="keys.none" why="keys.none.why" commands=${[...COMMANDS, "rgbir serve --keys keys.json …"]} />`;
  if (me && (!may("keys") || failure?.status === 404)) return html`<${ByCommand} title="keys.command" why="keys.command.why" commands=${COMMANDS} />`;
  const keys = /** @type {{ keys: KeyInfo[] } | null} */ (data)?.keys ?? [];
  return html`<section aria-labelledby="keys-title">
    <div class="head"><h2 id="keys-title">${t("manage.keys")}</h2><span class="grow"></span>
      ${data && html`<button type="button" class="primary" onClick=${() => setMaking(true)}><${Icon} name="add" /> ${t("keys.new")}</button>`}</div>
    <${Trouble} failure=${failure} onAgain=${again} />
    ${!data && !failure && html`<p class="state">${t("loading")}</p>`}
    ${data &&
    html`<${Table} caption=${t("manage.keys")} rows=${keys} keyOf=${(/** @type {KeyInfo} */ key) => key.name}
      columns=${[
        { name: "name", text: t("keys.name"), cell: (/** @type {KeyInfo} */ key) => html`<strong>${key.name}</strong>${key.name === me?.name ? html` <small class="soft">${t("keys.own")}</small>` : ""}` },
        { name: "role", text: t("keys.role"), cell: (/** @type {KeyInfo} */ key) => t(`role.${key.role}`) },
        { name: "cameras", text: t("camera.list"), cell: (/** @type {KeyInfo} */ key) => (key.cameras ? listed(key.cameras) : t("keys.all")) },
        { name: "made", text: t("keys.made"), cell: (/** @type {KeyInfo} */ key) => moment(key.made_at, { year: true }) },
        { name: "ends", text: t("keys.ends"), cell: (/** @type {KeyInfo} */ key) => (key.ends_at ? html`<span class=${new Date(key.ends_at) < new Date() ? "bad" : ""}>${moment(key.ends_at, { year: true })}</span>` : t("keys.never")) },
        { name: "do", text: t("camera.do"), cell: (/** @type {KeyInfo} */ key) => (key.name === me?.name ? "" : html`<div class="row-buttons"><button type="button" aria-label=${t("keys.rotate.of", { name: key.name })} onClick=${() => setTurning(key)}>${t("keys.rotate")}</button>
          <button type="button" aria-label=${t("keys.end.of", { name: key.name })} onClick=${() => setEnding(key)}>${t("keys.end")}</button></div>`) },
      ]} />
      <p class="note">${t("keys.rotate.command")}</p><${Command} text="rgbir keys rotate NAME --keys keys.json" />`}
    ${making && html`<${NewKeyDialog} onClose=${() => setMaking(false)} onMade=${again} />`}
    ${turning && html`<${NewKeyDialog} from=${{ name: turning.name, draft: like(turning, keys.map((key) => key.name), me ?? {}, new Date()) }} onClose=${() => setTurning(null)} onMade=${again}
      onReplace=${() => {
        setTurning(null);
        setEnding(turning);
      }} />`}
    ${ending && html`<${EndDialog} entry=${ending} onClose=${() => setEnding(null)} onDone=${again} />`}
  </section>`;
}

/** @param {{ title: string, why: string, commands: string[] }} props */
const ByCommand = ({ title, why, commands }) => html`<section aria-labelledby="keys-title">
  <div class="head"><h2 id="keys-title">${t("manage.keys")}</h2></div>
  <${Empty} title=${t(title)} text=${t(why)}><${Command} text=${commands.join("\n")} /><//>
</section>`;

/** @param {{ entry: KeyInfo, onClose: () => void, onDone: () => void }} props */
function EndDialog({ entry, onClose, onDone }) {
  const [failure, setFailure] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const end = async () => {
    setBusy(true);
    try {
      await request(`keys/${encodeURIComponent(entry.name)}`, { method: "DELETE" });
      say(t("keys.ended", { name: entry.name }));
      onDone();
      onClose();
    } catch (error) {
      failed(setFailure)(error);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${t("keys.end.of", { name: entry.name })} onClose=${onClose} stays=${true}>
    <p>${t("keys.end.what")}</p>
    <${Trouble} failure=${failure} />
    <${ConfirmTyped} word=${entry.name} busy=${busy} onConfirm=${end}>${t("keys.end")}<//>
  <//>`;
}
