/** The card of the model that answers: licence, where it comes from, how it was made. */

import { html } from "../core/html.js";
import { number, t } from "../core/words.js";
import { measuredOf } from "./cards.js";

/** @param {{ rows: [string, unknown][] }} props */
export const Facts = ({ rows }) => html`<dl class="facts">${rows.filter((row) => row[1] !== null && row[1] !== undefined && row[1] !== "").map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

export const percent = (/** @type {number} */ share) => number(share, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** @param {{ card: any }} props of `GET /model` */
export function Card({ card }) {
  const fitted = card.fitted;
  return html`<${Facts} rows=${[
    [t("card.licence"), card.licence || t("card.licence.none")],
    [t("card.note"), card.note ? html`<span class="lines">${card.note}</span>` : ""],
    [t("card.trained"), card.training_data],
    [t("card.method"), [card.method, card.variant, card.backbone].filter(Boolean).join(", ")],
    [t("card.size"), t("card.size.of", { width: card.width, height: card.height, dimension: card.dimension, metric: card.metric })],
    [t("card.precision"), card.precision],
    [t("card.fitted"), fitted ? t("card.fitted.of", { bundle: fitted.bundle, people: fitted.people, cameras: fitted.cameras, gain: percent(fitted.gain.rank_1) }) : t("card.fitted.none")],
    [t("card.measured"), html`<ul class="plain-list">${measuredOf(card.measured ?? {}).map((each) => html`<li>${each.name}: ${each.ranks.map(({ rank, share }) => `${t("eval.rank", { n: rank })} ${percent(share)}`).concat(each.figures.map(({ name, share }) => `${name} ${percent(share)}`)).join(", ")}</li>`)}</ul>`],
    [t("card.fingerprint"), html`<code>${card.fingerprint}</code>`],
    [t("card.providers"), (card.providers ?? []).join(", ")],
  ]} />`;
}
