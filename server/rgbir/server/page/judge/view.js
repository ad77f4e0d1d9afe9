/** Judging pairs: the draws, one pair after the other without anything else, and what was measured. */

import { html } from "../core/html.js";
import { style } from "../core/style.js";
import { addTexts } from "../core/words.js";
import { useApp } from "../shell/state.js";
import { ANSWER } from "../texts/answer.js";
import { JUDGE } from "../texts/judge.js";
import { SHARED } from "../texts/shared.js";
import { Draw } from "./draw.js";
import { DrawList } from "./list.js";

await Promise.all([style("shared"), style("answer"), style("marks"), style("judge")]);

for (const texts of [ANSWER, SHARED, JUDGE]) addTexts(texts);

export default function Judge() {
  const path = useApp((state) => state.route.path);
  useApp((state) => state.language);
  const [, , id = "", part = ""] = path.split("/");
  if (!id) return html`<${DrawList} />`;
  return html`<${Draw} key=${path} id=${decodeURIComponent(id)} told=${part === "result"} />`;
}
