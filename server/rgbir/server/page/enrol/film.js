/** A film that was chosen: its camera, when it was taken, and how much of it has left. */

import { html } from "../core/html.js";
import { Progress } from "../core/progress.js";
import { bytes, t, zone } from "../core/words.js";
import { MomentField } from "../search/taken.js";
import { useApp } from "../shell/state.js";
import { CLOCKS, PATTERNS } from "./films.js";
import { changeFilm, dropFilm, sendFilm, stopArchive, useEnrolment } from "./run.js";

const typed = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.currentTarget).value;

export function FilmCard() {
  const film = useEnrolment((state) => state.film);
  const sending = useEnrolment((state) => state.sending);
  const lacking = useEnrolment((state) => state.filmLacks);
  const network = useApp((state) => state.network);
  const takes = useApp((state) => state.me?.films ?? false);
  const wantsPurpose = useApp((state) => state.me?.needs_purpose ?? false);
  if (!film) return null;
  const on = sending?.what === "film" ? sending : null;
  return html`<section class="box" aria-labelledby="film-title">
    <h2 id="film-title">${t("film.title")}</h2>
    <p><strong>${film.file.name}</strong>, ${bytes(film.file.size)}</p>
    <p class="note">${t(takes ? "film.what" : "film.untaken")}</p>
    ${takes &&
    html`<fieldset class="labels" disabled=${sending !== null}>
      <legend class="unseen">${t("enrol.labels")}</legend>
      <div class="field"><label class="label" for="film-camera">${t("film.camera")} <span class="needed">${t("enrol.needed")}</span></label>
        <select id="film-camera" onChange=${(/** @type {Event} */ event) => changeFilm({ camera: typed(event) })}>
          <option value="" selected=${film.camera === ""}>${t("enrol.camera.none")}</option>
          ${(network?.cameras ?? []).map((camera) => html`<option value=${camera.id} selected=${camera.id === film.camera}>${camera.id}, ${camera.place}</option>`)}
        </select></div>
      <fieldset class="field choices"><legend class="label">${t("film.clock")}</legend>
        ${CLOCKS.map((each) => html`<label><input type="radio" name="film-clock" value=${each} checked=${film.clock === each} onChange=${() => changeFilm({ clock: each })} /> ${t(`film.clock.${each}`)}</label>`)}
      </fieldset>
      ${film.clock === "hand" && html`<div class="field"><label class="label" for="film-at">${t("film.at")}</label><${MomentField} id="film-at" value=${film.at} onChange=${(/** @type {string} */ iso) => changeFilm({ at: iso })} /></div>`}
      ${film.clock === "name" &&
      html`<div class="pair"><div class="field"><label class="label" for="film-pattern">${t("film.pattern")}</label>
          <select id="film-pattern" onChange=${(/** @type {Event} */ event) => changeFilm({ pattern: typed(event) })}>${PATTERNS.map((each) => html`<option value=${each} selected=${each === film.pattern}>${each}</option>`)}</select></div>
        <div class="field"><label class="label" for="film-zone">${t("film.zone")}</label>
          <input id="film-zone" autocomplete="off" spellcheck=${false} maxlength="64" value=${film.zone || zone()} onInput=${(/** @type {Event} */ event) => changeFilm({ zone: typed(event) })} /></div></div>`}
      ${wantsPurpose && html`<div class="field"><label class="label" for="film-purpose">${t("film.purpose")} <span class="needed">${t("enrol.needed")}</span></label>
        <input id="film-purpose" maxlength="500" value=${film.purpose} onInput=${(/** @type {Event} */ event) => changeFilm({ purpose: typed(event) })} /></div>`}
      ${lacking && html`<p class="problem" role="alert">${t(lacking)}</p>`}
    </fieldset>`}
    ${on
      ? html`<${Progress} done=${on.sent} total=${on.total} label=${t("enrol.archive.sending")} text=${on.sent >= on.total ? t("enrol.archive.checked") : t("enrol.archive.sent", { sent: bytes(on.sent), total: bytes(on.total) })} />
          <p class="buttons"><button type="button" onClick=${stopArchive}>${t("enrol.archive.stop")}</button></p>`
      : html`<p class="buttons">${takes && html`<button type="button" class="primary" disabled=${sending !== null} onClick=${sendFilm}>${t("film.send")}</button>`}<button type="button" onClick=${dropFilm}>${t("enrol.archive.drop")}</button></p>`}
  </section>`;
}
