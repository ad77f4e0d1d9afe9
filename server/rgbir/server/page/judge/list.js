/** The draws whose cameras one sees, with how far each was judged. */

import { Empty } from "../core/empty.js";
import { html, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { Progress } from "../core/progress.js";
import { Table } from "../core/table.js";
import { listed, moment, t } from "../core/words.js";
import { Trouble, useLoaded } from "../shell/load.js";
import { go, useApp } from "../shell/state.js";
import { drawHash, steps } from "./model.js";
import { NewDraw } from "./new.js";

/** @typedef {import("./model.js").Draw} Draw */

export function DrawList() {
  const me = useApp((state) => state.me);
  const { data, failure, again } = useLoaded("judgements");
  const [making, setMaking] = useState(false);
  const draws = /** @type {Draw[] | null} */ (data?.judgements ?? null);
  const open = html`<button type="button" class="primary" onClick=${() => setMaking(true)}><${Icon} name="add" /> ${t("judge.new")}</button>`;
  return html`<section class="judge" aria-labelledby="judge-title">
    <header class="judge-head"><h2 id="judge-title">${t("nav.judge")}</h2><span class="grow"></span>${draws && draws.length > 0 && open}</header>
    <p class="soft">${t("judge.what")}</p>
    <${Trouble} failure=${failure} onAgain=${again} />
    ${!draws && !failure && html`<p class="state">${t("loading")}</p>`}
    ${draws?.length === 0 && html`<${Empty} title=${t("judge.none")} text=${t("judge.none.why")} action=${open} />`}
    ${draws && draws.length > 0 && html`<${Table} caption=${t("judge.list")} columns=${columnsFor(me?.name ?? "")} rows=${draws} keyOf=${(/** @type {Draw} */ draw) => draw.id} />`}
    ${making && html`<${NewDraw} onClose=${() => setMaking(false)} onMade=${(/** @type {Draw} */ draw) => go(drawHash(draw.id))} />`}
  </section>`;
}

const camerasOf = (/** @type {Draw} */ draw) => t("judge.cameras", { a: draw.cameras[0], b: draw.cameras[1] });
const progress = (/** @type {Draw} */ draw) => t("progress.of", { done: draw.answered, n: draw.pairs });

/** @param {string} name of whoever looks @returns {import("../core/table.js").Column<Draw>[]} */
const columnsFor = (name) => [
  { name: "cameras", text: t("judge.pair"), cell: camerasOf },
  { name: "do", text: t("judge.do"), cell: (draw) => html`<span class="judge-do">${steps(draw).map((step) => html`<a class="button" href=${drawHash(draw.id, step === "result" && draw.answered === 0 ? "/result" : "")} aria-label=${t("judge.of", { what: t(`judge.${step}`), cameras: camerasOf(draw) })}>${t(`judge.${step}`)}</a>`)}${draw.used_at && html` <span class="tag">${t("judge.in.use")}</span>`}</span>` },
  { name: "yours", text: t("judge.yours"), cell: (draw) => html`<${Progress} done=${draw.answered} total=${draw.pairs} text=${progress(draw)} label=${t("judge.of", { what: t("judge.yours"), cameras: camerasOf(draw) })} />` },
  { name: "others", text: t("judge.others"), cell: (draw) => listed(draw.judges.filter((judge) => judge.name !== name).map((judge) => t("judge.other", { name: judge.name, done: judge.answered, n: draw.pairs }))) || "–" },
  { name: "made", text: t("judge.made"), cell: (draw) => t("judge.made.by", { time: moment(draw.made_at), who: draw.made_by }) },
];
