/** Enrol: images of a camera into the gallery, a row each; or an archive as a job. */

import { html } from "../core/html.js";
import { addTexts, t } from "../core/words.js";
import { useApp } from "../shell/state.js";
import { ENROL } from "../texts/enrol.js";
import { SHARED } from "../texts/shared.js";
import { ANSWER } from "../texts/answer.js";
import { ArchiveCard, DropArea } from "./drop.js";
import { FilmCard } from "./film.js";
import { jobOf } from "./rows.js";
import { LabelForm } from "./form.js";
import { JobList, JobPage } from "./jobs.js";
import { style } from "../core/style.js";
import { Rows } from "./list.js";

await Promise.all([style("shared"), style("enrol")]);

addTexts(ANSWER);
addTexts(SHARED);
addTexts(ENROL);

export default function Enrol() {
  const path = useApp((state) => state.route.path);
  useApp((state) => state.language);
  const job = jobOf(path);
  if (job) return html`<div class="enrol one"><${JobPage} id=${job} key=${job} /></div>`;
  return html`<div class="enrol">
    <section class="box what" aria-labelledby="enrol-title">
      <h2 id="enrol-title">${t("enrol.title")}</h2>
      <${DropArea} />
      <${LabelForm} />
    </section>
    <div class="came">
      <${ArchiveCard} />
      <${FilmCard} />
      <${Rows} />
      <${JobList} />
    </div>
  </div>`;
}
