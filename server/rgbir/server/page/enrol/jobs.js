/** Archives that are enrolled beside the searches: state, how far, why not all, and an end to it. */

import { ask, Refusal } from "../core/api.js";
import { html, useRef, useState } from "../core/html.js";
import { Empty } from "../core/empty.js";
import { Progress } from "../core/progress.js";
import { Table } from "../core/table.js";
import { moment, number, t } from "../core/words.js";
import { Trouble, useLoaded } from "../shell/load.js";
import { refused, useApp } from "../shell/state.js";
import { farness } from "./films.js";
import { goesOn } from "./rows.js";

/** @typedef {import("../core/types.js").Schemas["Job"]} Job */
/** @typedef {import("../core/api.js").Refusal} Failure */

/** How far a job is in words; one that ended early says where. @param {{ job: Job }} props */
function JobState({ job }) {
  const { done, total } = farness(job);
  const early = (job.state === "cancelled" || job.state === "failed") && done < total;
  const text = !early ? `job.${job.state}` : job.film ? `job.ended.${job.state}` : `job.stopped.${job.state}`;
  return html`<span class="job-state ${job.state}">${t(text, { done, n: total })}</span>`;
}

export function JobList() {
  const { data, failure, again } = useLoaded("gallery/jobs", (/** @type {{ jobs: Job[] }} */ list) => list.jobs.some(goesOn));
  const jobs = data?.jobs.toReversed() ?? [];
  return html`<section class="box" aria-labelledby="jobs-title">
    <h2 id="jobs-title">${t("jobs.title")}</h2>
    <${Trouble} failure=${failure} onAgain=${again} />
    ${data &&
    (jobs.length === 0
      ? html`<p class="note">${t("jobs.none")}</p>`
      : html`<${Table} caption=${t("jobs.title")} rows=${jobs} keyOf=${(/** @type {Job} */ job) => job.id}
          columns=${[
            { name: "made", text: t("jobs.made"), cell: (/** @type {Job} */ job) => html`<a href=${`#/enrol/jobs/${encodeURIComponent(job.id)}`}>${moment(job.made_at, { seconds: true })}</a>` },
            { name: "who", text: t("jobs.who"), cell: (/** @type {Job} */ job) => job.who },
            { name: "state", text: t("jobs.state"), cell: (/** @type {Job} */ job) => html`<${JobState} job=${job} />` },
            { name: "counts", text: t("jobs.counts"), cell: (/** @type {Job} */ job) => counts(job) },
          ]} />`)}
  </section>`;
}

/** @param {Job} job */
const counts = (job) => ["added", "present", "skipped"].map((name) => t(`enrol.sum.${name}`, { n: job[/** @type {"added"} */ (name)] })).join(" · ");

/** @param {{ job: Job }} props */
function Far({ job }) {
  const { done, total } = farness(job);
  const far = job.film ? t(total ? "job.seconds.of" : "job.seconds", { done, n: total }) : t("progress.of", { done, n: total });
  return html`<${Progress} done=${done} total=${total} label=${t(job.film ? "job.progress.film" : "job.progress")} text=${`${far}: ${counts(job)}`} />`;
}

/** @param {{ film: NonNullable<Job["film"]> }} props */
const FilmFacts = ({ film }) => html`<p><strong>${film.name}</strong>, ${t("camera.named", { c: film.camera })}${film.start ? `, ${moment(film.start, { year: true, seconds: true })}` : ""}</p>
  <p>${t("job.tracks", { n: film.tracks })}${film.found_by === "motion" ? html` <span class="soft">${t("job.motion")}</span>` : ""}</p>
  ${(film.remarks ?? []).map((remark) => html`<p class="note">${remark}</p>`)}`;

/** @param {{ id: string }} props */
export function JobPage({ id }) {
  const { data: job, failure, again } = useLoaded(`gallery/jobs/${encodeURIComponent(id)}`, (/** @type {Job} */ each) => goesOn(each));
  const [refusal, setRefusal] = useState(/** @type {Failure | null} */ (null));
  const [busy, setBusy] = useState(false);
  const title = useRef(/** @type {HTMLElement | null} */ (null));
  const away = useApp((state) => state.away);
  const cancel = async () => {
    setBusy(true);
    try {
      await ask(`gallery/jobs/${encodeURIComponent(id)}`, { method: "DELETE" });
      setRefusal(null);
      title.current?.focus();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      setRefusal(error);
      refused(error);
    }
    setBusy(false);
    again();
  };
  const back = html`<a href="#/enrol">${t("job.back")}</a>`;
  if (failure?.status === 404) return html`<${Empty} title=${t("job.gone")} text=${t("job.gone.why")} action=${back} />`;
  if (!job) return html`<div class="box"><${Trouble} failure=${failure} onAgain=${again} />${!failure && html`<p class="state">${t("loading")}</p>`}<p>${back}</p></div>`;
  const kinds = Object.entries(job.skipped_by ?? {});
  const reasons = Object.entries(job.reasons ?? {});
  return html`<section class="box" aria-labelledby="job-title">
    <p>${back}</p>
    <h2 id="job-title" ref=${title} tabindex="-1">${t(job.film ? "job.title.film" : "job.title", { time: moment(job.made_at, { year: true, seconds: true }) })}</h2>
    <p><${JobState} job=${job} />${job.ended_at ? `, ${moment(job.ended_at, { seconds: true })}` : ""} <span class="soft">${job.who}</span></p>
    <${Far} job=${job} />
    ${job.film && html`<${FilmFacts} film=${job.film} />`}
    ${job.error && html`<div class="trouble" role="alert"><p>${job.error}</p></div>`}
    <${Trouble} failure=${refusal} />
    ${goesOn(job) && html`<p class="note">${t("job.restart")}</p><p class="buttons"><button type="button" onClick=${cancel} aria-busy=${busy} disabled=${away !== null}>${t("job.cancel")}</button> <span class="soft">${t("job.cancel.what")}</span></p>`}
    ${kinds.length > 0 && html`<h3>${t("job.kinds")}</h3><ul class="plain-list">${kinds.map(([kind, n]) => html`<li>${kind}: ${number(n)}</li>`)}</ul>`}
    ${reasons.length > 0 &&
    html`<h3>${t("job.reasons", { n: reasons.length })}</h3>
      <${Table} caption=${t("job.reasons", { n: reasons.length })} rows=${reasons} keyOf=${(/** @type {[string, string]} */ row) => row[0]}
        columns=${[
          { name: "file", text: t("job.file"), cell: (/** @type {[string, string]} */ row) => row[0] },
          { name: "why", text: t("job.why"), cell: (/** @type {[string, string]} */ row) => row[1] },
        ]} />`}
  </section>`;
}
