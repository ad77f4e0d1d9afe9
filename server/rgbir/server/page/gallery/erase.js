/** The sheet that erases what is selected: what would go, where else it may be, a typed confirmation, progress. */

import { onClosed } from "../core/dialog.js";
import { html, useEffect, useRef, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { rich } from "../core/rich.js";
import { listed, moment, t } from "../core/words.js";
import { placeOf } from "../answer/model.js";
import { Trouble } from "../shell/load.js";
import { refused, say, useApp } from "../shell/state.js";
import { ErasedInCases, KeptByHold } from "../cases/erased.js";
import { erase, keeping, tried } from "./erasing.js";

/** @typedef {import("./data.js").Sighting} Sighting */

/** What is to go, in words. @param {Sighting[]} sightings @param {import("../core/types.js").CameraInfo[]} known */
function summary(sightings, known) {
  const several = (/** @type {string[]} */ values) => [...new Set(values)];
  const cameras = several(sightings.map(({ camera, taken_at: at }) => `${t("camera.named", { c: camera })} ${placeOf(known.find(({ id }) => id === camera), at)}`.trim()));
  const tracks = several(sightings.flatMap(({ track }) => track ?? []));
  const times = sightings.flatMap(({ taken_at: at }) => at ?? []).sort();
  const span = times.length === 0 ? t("hit.notime") : times.length === 1 ? moment(times[0], { seconds: true }) : `${moment(times[0], { seconds: true })} – ${moment(times[times.length - 1], { seconds: true })}`;
  return t("erase.which", { cameras: listed(cameras), tracks: tracks.length ? `${tracks.slice(0, 5).map((track) => t("gallery.track", { track })).join(", ")}${tracks.length > 5 ? " …" : ""}; ` : "", span });
}

/** @param {{ sightings: Sighting[], onClose: () => void, onErased: () => void }} props */
export function EraseSheet({ sightings, onClose, onErased }) {
  const network = useApp((state) => state.network);
  const logged = useApp((state) => state.me?.logged ?? false);
  const [phase, setPhase] = useState(/** @type {"counting" | "ready" | "erasing" | "done" | "failed"} */ ("counting"));
  const [affected, setAffected] = useState(/** @type {import("./erasing.js").Affected | null} */ (null));
  const [typed, setTyped] = useState("");
  const [changed, setChanged] = useState(false);
  const [progress, setProgress] = useState([0, sightings.length]);
  const [outcome, setOutcome] = useState({ removed: 0, unreached: /** @type {string[]} */ ([]) });
  const [failure, setFailure] = useState(/** @type {unknown} */ (null));
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const heading = useRef(/** @type {HTMLHeadingElement | null} */ (null));
  const stop = useRef(new AbortController());
  const gone = useRef(false);
  const step = (/** @type {number} */ done, /** @type {number} */ total) => {
    setProgress([done, total]);
    if (done > 0) say(t("erase.progress", { n: done, total }));
  };

  const failed = (/** @type {unknown} */ error) => {
    if (error instanceof DOMException && error.name === "AbortError") return;
    setFailure(error);
    setPhase("failed");
    refused(error);
  };
  const count = async () => {
    setPhase("counting");
    try {
      setAffected(await tried(sightings.map(({ id }) => id), step, stop.current.signal));
      setPhase("ready");
    } catch (error) {
      failed(error);
    }
  };
  useEffect(() => {
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    dialog.current?.showModal();
    heading.current?.focus();
    void count();
    return () => {
      stop.current.abort();
      // The button that opened it has nothing to erase any more.
      if (!gone.current && before?.isConnected) before.focus();
      else requestAnimationFrame(() => /** @type {HTMLElement | null} */ (document.querySelector('.sighting[tabindex="0"]') ?? document.querySelector("main"))?.focus());
    };
  }, []);

  const n = affected?.ids.length ?? sightings.length;
  const word = t("erase.word", { n: String(n) });
  const right = phase === "ready" && n > 0 && typed === word;
  const go = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!right || !affected) return;
    setPhase("erasing");
    setChanged(false);
    setProgress([0, n]);
    try {
      const result = await erase(sightings.map(({ id }) => id), n, step, stop.current.signal);
      if ("changed" in result) {
        setAffected(result.changed);
        setTyped("");
        setChanged(true);
        setPhase("ready");
        return;
      }
      gone.current = true;
      setOutcome(result);
      setPhase("done");
      say(t("erase.done", { n: result.removed }));
      onErased();
    } catch (error) {
      onErased();
      failed(error);
    }
  };
  const close = () => phase !== "erasing" && onClose();
  const holds = keeping(affected?.cases ?? []);
  const others = Object.entries(affected?.others ?? {}).filter(([, count]) => count > 0);

  return html`<dialog class="sheet" ref=${dialog} aria-labelledby="erase-title" onCancel=${(/** @type {Event} */ event) => (event.preventDefault(), close())} onClose=${onClosed(() => (phase === "erasing" ? dialog.current?.showModal() : close()))}>
    <header><h2 id="erase-title" tabindex="-1" ref=${heading}>${t(phase === "done" ? "erase.done" : "erase.title", { n: phase === "done" ? outcome.removed : n })}</h2>
      <button type="button" class="plain" aria-label=${t("close")} disabled=${phase === "erasing"} onClick=${close}><${Icon} name="close" /></button></header>
    <div class="sheet-body">
      ${phase === "done"
        ? html`${outcome.removed < n && html`<p>${t("erase.stopped", { n: outcome.removed, total: n })}</p>`}
            ${outcome.unreached.length > 0 && html`<p class="problem" role="alert">${t("erase.unreached", { list: listed(outcome.unreached) })}</p>`}
            <p class="buttons"><button type="button" class="primary" onClick=${close}>${t("close")}</button></p>`
        : html`<p>${summary(sightings, network?.cameras ?? [])}</p>
            ${phase === "counting" && html`<p class="soft" role="status">${t("erase.counting")}</p><progress max=${progress[1]} value=${progress[0]} aria-label=${t("erase.counting")}></progress>`}
            ${phase === "failed" && html`<${Trouble} failure=${failure} onAgain=${count} />`}
            ${affected &&
            phase !== "counting" &&
            html`<p>${rich("erase.means", { n })}</p>
              ${changed && html`<p class="bar" role="alert">${t("erase.changed", { n })}</p>`}
              <${ErasedInCases} cases=${affected.cases} />
              ${(affected.backups.length > 0 || others.length > 0 || affected.archives.length > 0) &&
              html`<section class="also"><h3>${t("erase.also")}</h3><ul>
                ${others.map(([model, count]) => html`<li>${t("erase.models", { n: count, model })}</li>`)}
                ${affected.backups.length > 0 && html`<li>${t("erase.backups", { n: affected.backups.length, list: listed(affected.backups.map(({ name, made_at: at }) => `${name} (${moment(at)})`)) })}</li>`}
                ${affected.archives.length > 0 && html`<li>${t("erase.archives", { n: affected.archives.length })}</li>`}
              </ul></section>`}
              <p class="note">${t("erase.others")}</p>
              ${n === 0 && html`<p class="bar" role="status">${t("erase.none")}</p>`}`}
            ${phase === "ready" && holds.length > 0 && html`<${KeptByHold} cases=${holds} onClose=${close} />`}
            ${affected && n > 0 && holds.length === 0 && (phase === "ready" || phase === "erasing") &&
            html`<form onSubmit=${go}>
              <label class="label" for="erase-word">${rich("erase.type", { word })}</label>
              <input id="erase-word" autocomplete="off" autocapitalize="off" spellcheck=${false} value=${typed} disabled=${phase === "erasing"} onInput=${(/** @type {Event} */ event) => setTyped(/** @type {HTMLInputElement} */ (event.currentTarget).value)} />
              ${phase === "erasing" && html`<p class="note">${t("erase.progress", { n: progress[0], total: progress[1] })}</p><progress max=${progress[1]} value=${progress[0]} aria-label=${t("erase.running")}></progress>`}
              <p class="buttons end">
                ${phase === "erasing" ? html`<button type="button" onClick=${() => stop.current.abort()}>${t("erase.stop")}</button>` : html`<button type="button" onClick=${close}>${t("chip.cancel")}</button>`}
                <button type="submit" class="danger" disabled=${!right}>${phase === "erasing" ? t("erase.running") : t("erase.go", { n })}</button>
              </p>
            </form>`}
            ${logged && html`<p class="note">${t("erase.logged")}</p>`}`}
    </div>
  </dialog>`;
}

