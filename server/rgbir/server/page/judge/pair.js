/** One pair, blind: two pictures and three answers. No rank, no camera, no number, and nothing that skips it. */

import { KINDS } from "../cases/model.js";
import { KEYS, SHAPES } from "../cases/marks.js";
import { isIdle } from "../core/focus.js";
import { html, useEffect, useRef } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { Picture } from "../core/picture.js";
import { Progress } from "../core/progress.js";
import { t } from "../core/words.js";

/** @param {{ shown: import("./model.js").Pair, onAnswer: (kind: import("../cases/model.js").MarkKind) => void, onUndo: () => void }} props */
export function PairView({ shown, onAnswer, onUndo }) {
  const group = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (isIdle() || document.activeElement?.closest(".judge")) group.current?.focus();
  }, []);
  return html`<h2>${t("mark.label")}</h2>
    <${Progress} done=${shown.answered} total=${shown.pairs} text=${t("progress.of", { done: shown.answered, n: shown.pairs })} label=${t("judge.judged")} />
    <div class="judge-pictures">
      <${Picture} path=${shown.left} alt=${t("judge.left")} eager=${true} />
      <${Picture} path=${shown.right} alt=${t("judge.right")} eager=${true} />
    </div>
    <div class="mark-buttons large" role="group" aria-label=${t("mark.label")} tabindex="-1" ref=${group}>
      ${KINDS.map((kind) => html`<button type="button" class=${kind} aria-keyshortcuts=${KEYS[kind]} onClick=${() => onAnswer(kind)}><${Icon} name=${SHAPES[kind]} size=${20} /> <span>${t(`mark.${kind}`)}</span> <span class="kbd" aria-hidden="true">${KEYS[kind]}</span></button>`)}
    </div>
    <p class="judge-foot"><button type="button" aria-keyshortcuts="Z" aria-disabled=${shown.answered === 0} onClick=${onUndo}><${Icon} name="undo" size=${16} /> ${t("undo.last")} <span class="kbd" aria-hidden="true">Z</span></button>
      <span class="note">${t("judge.blind")}</span></p>`;
}
