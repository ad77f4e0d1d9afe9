/** Models: the one that answers with its card, and others that are prepared, activated and forgotten. */

import { ask } from "../core/api.js";
import { ConfirmTyped } from "../core/confirm.js";
import { Dialog } from "../core/dialog.js";
import { Command, Empty } from "../core/empty.js";
import { html, useEffect, useState } from "../core/html.js";
import { Progress } from "../core/progress.js";
import { number, t } from "../core/words.js";
import { Trouble, useLoaded } from "../shell/load.js";
import { say, store } from "../shell/state.js";
import { Card, Facts, percent } from "./card.js";
import { failed } from "./network.js";
import { needsTyping } from "./cards.js";

/** @typedef {import("../core/types.js").Schemas["ServedModel"]} Model */

export default function Models() {
  const { data, failure, again } = useLoaded("models", (/** @type {{ models: Model[] }} */ list) => list.models.some((model) => model.state === "filling"));
  const served = data?.models.find((model) => model.state === "answering");
  const { data: card } = useLoaded(served ? "model" : null, undefined, served?.name);
  const [asked, setAsked] = useState(/** @type {{ what: "activate" | "forget", model: Model } | null} */ (null));
  const [refusal, setRefusal] = useState(/** @type {any} */ (null));
  useEffect(() => {
    if (served) say(t("models.answering", { name: served.name }));
  }, [served?.name]);
  const prepare = async (/** @type {Model} */ model) => {
    setRefusal(null);
    await ask(`models/${encodeURIComponent(model.name)}/prepare`, { method: "POST" }).catch(failed(setRefusal));
    again();
  };
  const done = () => {
    setAsked(null);
    again();
    void ask("gallery").then((gallery) => store.set({ gallery }), () => {});
  };
  const others = data?.models.filter((model) => model !== served) ?? [];
  return html`<section aria-labelledby="models-title">
    <div class="head"><h2 id="models-title">${t("manage.models")}</h2></div>
    <${Trouble} failure=${failure} onAgain=${again} />
    <${Trouble} failure=${refusal} />
    ${!data && !failure && html`<p class="state">${t("loading")}</p>`}
    ${served && html`<section class="box" aria-labelledby="served-title"><h3 id="served-title">${served.name} <span class="badge">${t("model.answering")}</span></h3>${card && html`<${Card} card=${card} />`}</section>`}
    ${others.map(
      (model) => html`<section class="box" key=${model.name} aria-label=${model.name}>
        <h3>${model.name} <span class="badge">${t(`model.${model.state}`)}</span></h3>
        ${model.state === "filling" && html`<${Progress} done=${model.done ?? 0} total=${model.total ?? 0} label=${t("model.filling.of", { name: model.name })} text=${t("progress.of", { done: model.done ?? 0, n: model.total ?? 0 })} />`}
        ${model.error && html`<div class="trouble"><p>${model.error}</p></div>`}
        <${Facts} rows=${[
          [t("model.overlap"), typeof model.overlap === "number" ? percent(model.overlap) : ""],
          [t("model.missing"), model.missing ? number(model.missing) : ""],
          [t("card.fingerprint"), model.fingerprint ? html`<code>${model.fingerprint}</code>` : ""],
        ]} />
        <div class="buttons">
          ${(model.state === "available" || model.state === "failed") && html`<button type="button" onClick=${() => prepare(model)}>${t("model.prepare")}</button> <span class="soft">${t("model.prepare.what")}</span>`}
          ${model.state === "ready" && html`<button type="button" class="primary" onClick=${() => setAsked({ what: "activate", model })}>${t("model.activate")}</button>`}
          ${model.state !== "available" && html`<button type="button" onClick=${() => setAsked({ what: "forget", model })}>${t(model.state === "filling" ? "model.stop" : "model.forget")}</button>`}
        </div>
      </section>`,
    )}
    ${data && others.length === 0 && html`<${Empty} title=${t("models.alone")} text=${t("models.alone.why")}><${Command} text="rgbir serve --bundles FOLDER …" /><//>`}
    ${asked?.what === "activate" && html`<${Activate} model=${asked.model} onClose=${() => setAsked(null)} onDone=${done} />`}
    ${asked?.what === "forget" && html`<${Forget} model=${asked.model} onClose=${() => setAsked(null)} onDone=${done} />`}
  </section>`;
}

/** @param {{ model: Model, onClose: () => void, onDone: () => void }} props */
function Activate({ model, onClose, onDone }) {
  const [allowed, setAllowed] = useState(false);
  const { failure, busy, send } = useSending(onDone);
  const missing = model.missing ?? 0;
  const kept = missing > 0 && !allowed;
  const activate = () => send(`models/${encodeURIComponent(model.name)}/activate${missing > 0 ? "?allow_missing=true" : ""}`, "POST");
  return html`<${Dialog} title=${t("model.activate.of", { name: model.name })} onClose=${onClose} stays=${true}>
    <p>${t("model.activate.what")}</p>
    ${typeof model.overlap === "number" && html`<p class=${needsTyping(model) ? "caution" : "note"}>${t("model.overlap.what", { share: percent(model.overlap) })}</p>`}
    ${missing > 0 && html`<div class="caution"><p>${t("model.missing.what", { n: missing })}</p><label class="check"><input type="checkbox" checked=${allowed} onChange=${() => setAllowed(!allowed)} /> ${t("model.missing.allow")}</label></div>`}
    <${Trouble} failure=${failure} />
    ${kept
      ? ""
      : needsTyping(model)
      ? html`<${ConfirmTyped} word=${model.name} busy=${busy} onConfirm=${activate}>${t("model.activate")}<//>`
      : html`<p class="buttons"><button type="button" class="primary" aria-busy=${busy} onClick=${activate}>${t("model.activate")}</button></p>`}
  <//>`;
}

/** What deleting its gallery would take away, and then its name to type. @param {{ model: Model, onClose: () => void, onDone: () => void }} props */
function Forget({ model, onClose, onDone }) {
  const path = `models/${encodeURIComponent(model.name)}`;
  const [affected, setAffected] = useState(/** @type {Model | null} */ (null));
  const [barred, setBarred] = useState(/** @type {any} */ (null));
  const { failure, busy, send } = useSending(onDone);
  useEffect(() => {
    ask(`models/${encodeURIComponent(model.name)}?dry_run=true`, { method: "DELETE" }).then(setAffected, failed(setBarred));
  }, []);
  return html`<${Dialog} title=${t("model.forget.of", { name: model.name })} onClose=${onClose} stays=${true}>
    <p>${t("model.forget.what")}</p>
    <${Trouble} failure=${failure ?? barred} />
    ${!affected && !barred && html`<p class="state">${t("loading")}</p>`}
    ${affected &&
    html`<section class="preview" aria-labelledby="forgets-title"><h3 id="forgets-title">${t("camera.preview")}</h3><p>${t("model.forget.loses", { n: affected.done ?? 0, total: affected.total ?? 0 })}</p></section>
      <${ConfirmTyped} word=${model.name} busy=${busy} onConfirm=${() => send(path, "DELETE")}>${t("model.forget")}<//>`}
  <//>`;
}

/** @param {() => void} onDone */
function useSending(onDone) {
  const [failure, setFailure] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const send = async (/** @type {string} */ path, /** @type {string} */ method) => {
    setBusy(true);
    try {
      await ask(path, { method });
      onDone();
    } catch (error) {
      failed(setFailure)(error);
      setBusy(false);
    }
  };
  return { failure, busy, send };
}
