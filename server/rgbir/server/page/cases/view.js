/** Cases: the list, one case with its parts, and what an erasure left for a person to decide. */

import { html, useEffect } from "../core/html.js";
import { style } from "../core/style.js";
import { addTexts, t } from "../core/words.js";
import { go, useApp } from "../shell/state.js";
import { ANSWER } from "../texts/answer.js";
import { CASES } from "../texts/cases.js";
import { COMPARE } from "../texts/compare.js";
import { SHARED } from "../texts/shared.js";
import { CaseView } from "./case.js";
import { CaseList } from "./list.js";
import { NearView } from "./near.js";

await Promise.all([style("shared"), style("answer"), style("marks"), style("cases")]);

for (const texts of [ANSWER, COMPARE, SHARED, CASES]) addTexts(texts);

export const PARTS = ["course", "hits", "searches", "notes", "rights"];

export default function Cases() {
  const path = useApp((state) => state.route.path);
  useApp((state) => state.language);
  const [, , name = "", part = ""] = path.split("/");
  useEffect(() => {
    if (name && name !== "near" && part && !PARTS.includes(part)) go(`#/cases/${name}`, { replace: true });
  }, [path]);
  if (!name) return html`<${CaseList} />`;
  if (name === "near") return html`<${NearView} />`;
  return html`<${CaseView} key=${name} id=${decodeURIComponent(name)} part=${PARTS.includes(part) ? part : "course"} title=${t("nav.cases")} />`;
}
