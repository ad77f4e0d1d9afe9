/** The verdict in its own colour and plain words, what to know about the question, and what was left out. */

import { html, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { rich } from "../core/rich.js";
import { changed } from "../core/route.js";
import { listed, number, t } from "../core/words.js";
import { cancel, change, search } from "../search/actions.js";
import { whyNot } from "../shell/failure.js";
import { go, signOut, store, useApp } from "../shell/state.js";
import { FILTERS, cleared } from "../search/chips.js";
import { Errors } from "./errors.js";
import { leftOut, leftOutSightings, putLast, reordered, verdictOf, warnings } from "./model.js";

/** @typedef {import("../core/types.js").Answer} Answer */
/** @typedef {import("../search/question.js").Question} Question */

/** Each kind has a shape of its own, for those who don't see its colour. @type {Record<string, string>} */
const SHAPES = { lead: "search", doubt: "triangle", unknown: "diamond", none: "square", no_camera: "square", failed: "octagon" };

/** @param {{ kind: string }} props */
const Shape = ({ kind }) => html`<span class="shape ${SHAPES[kind] ?? "square"}" aria-hidden="true">${kind === "lead" ? html`<${Icon} name="search" size=${16} />` : kind === "doubt" ? html`<${Icon} name="triangle" size=${26} />` : ""}</span>`;

/** @param {{ answer: Answer, question: Question, view: string }} props `view`: what it doesn't show, or must not be read as, is said here */
export function VerdictBar({ answer, question, view }) {
  const { kind, title, more, values, calibrated } = verdictOf(answer);
  const removable = kind === "none" ? FILTERS.filter((filter) => filter.value(question)) : [];
  return html`<section class="verdict ${kind}" aria-labelledby="verdict">
    <${Shape} kind=${kind} />
    <div class="grow">
      <h2 id="verdict" tabindex="-1">${t(title, values)}</h2>
      <p>${t(more, values)}</p>
      <${ViewNote} answer=${answer} view=${view} />
      <${Errors} errors=${answer.errors} />
      ${removable.length > 0 &&
      html`<p class="buttons">${removable.map((filter) => html`<button type="button" onClick=${() => (change(cleared(filter)), search())}>${t("none.without", { name: t(`chip.${filter.name}`) })}</button>`)}</p>`}
    </div>
    ${kind !== "none" &&
    kind !== "no_camera" &&
    html`<div class="badges">
      <span class="badge" title=${answer.exact ? t("badge.exact.why") : undefined}>${t(answer.exact ? "badge.exact" : "badge.approximate")}</span>
      ${calibrated && html`<span class="badge">${t("badge.calibrated")}</span>`}
    </div>`}
  </section>`;
}

/** @param {{ answer: Answer, view: string }} props */
function ViewNote({ answer, view }) {
  const untimed = answer.hits.filter((hit) => !hit.taken_at).length;
  if (view === "plan" && answer.hits.length > 0) return html`<p>${t("verdict.plan")}</p>`;
  if (view !== "timeline" || untimed === 0) return null;
  return html`<p>${rich("verdict.untimed", { n: untimed, total: answer.hits.length }, () => go(changed(store.get().route, { view: null })))}</p>`;
}

/** @param {{ failure: import("../core/api.js").Refusal, onAgain: () => void }} props */
export function Failed({ failure, onAgain }) {
  const me = useApp((state) => state.me);
  const forbidden = failure.status === 403 && me;
  return html`<section class="verdict failed" aria-labelledby="verdict" role="alert">
    <${Shape} kind="failed" />
    <div class="grow">
      <h2 id="verdict" tabindex="-1">${t("verdict.failed")}</h2>
      <p>${t("verdict.failed.more", { detail: whyNot(failure) })}</p>
      <p class="buttons">${forbidden
        ? html`<button type="button" onClick=${signOut}>${t("who.other")}</button>`
        : html`<button type="button" onClick=${() => (cancel(), onAgain())}>${t("server.again")}</button>`}
        ${failure.requestId && html`<span class="soft">${t("server.request", { id: failure.requestId })}</span>`}</p>
    </div>
  </section>`;
}

/** @param {{ answer: Answer }} props */
export function Warnings({ answer }) {
  const list = warnings(answer);
  if (!list.length) return null;
  const addTime = () => document.getElementById("at")?.focus();
  return html`<ul class="warnings" aria-label=${t("warnings.label")}>
    ${list.map(({ code, text, values }) => {
      const percent = typeof values.share === "number" ? number(values.share, { style: "percent" }) : "";
      return html`<li><${Icon} name="triangle" size=${16} /> <span>${code ? rich(code, { ...values, percent }, addTime) : text}</span></li>`;
    })}
  </ul>`;
}

/** How the hits were ordered anew, if they were. @param {{ answer: Answer }} props */
export function Reordered({ answer }) {
  const order = reordered(answer);
  return order && html`<p class="note reordered">${t(order.code, order.values)}</p>`;
}

/** @param {{ answer: Answer, question: Question, far: ReadonlySet<string> }} props `far`: ids of hits that nobody could have walked to */
export function LeftOut({ answer, question, far }) {
  const [open, setOpen] = useState(false);
  const mine = useApp((state) => state.me?.cameras ?? null);
  const list = leftOut(answer);
  const sightings = leftOutSightings(answer, question, putLast(answer.hits, question, far)).map(({ code, n }) => rich(code, { n }));
  const sentence = (/** @type {import("./model.js").LeftOut} */ left) => {
    const include = () => {
      change({ cameras: [...answer.searched_cameras, left.camera] });
      void search();
    };
    return rich(left.code, left.values, include);
  };
  // A key that is limited to cameras gets no word of the others from the server.
  const key = mine ? html`<span class="of-key">${t("left.key", { n: mine.length, list: listed(mine) })}</span> ` : "";
  return html`<div class="left-out">
    <${Icon} name="lock" size=${16} />
    <div>
      ${key}${list.length + sightings.length === 0
        ? mine ? "" : t("left.nothing")
        : html`<strong>${t("left.label")}</strong> ${open ? "" : [...list.slice(0, 3).map(sentence), ...sightings].map((part, place) => html`${place ? " · " : ""}<span>${part}</span>`)}${!open && list.length > 3 ? " …" : ""}`}
      ${" "}<button type="button" class="link" aria-expanded=${open} onClick=${() => setOpen(!open)}>${t(open ? "left.hide" : "left.details")}</button>
      ${open &&
      html`<ul>
          ${[...list.map(sentence), ...sightings].map((part) => html`<li>${part}</li>`)}
        </ul>
        <p><strong>${t("searched")}</strong> ${answer.searched_cameras.map((camera) => t("camera.named", { c: camera })).join(", ")}</p>`}
    </div>
  </div>`;
}
