/** What several parts of a case show: a picture with its mark, when and where it was, and a day with its year. */

import { html } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { Picture } from "../core/picture.js";
import { language, moment, t, zone } from "../core/words.js";
import { casePath } from "./state.js";
import { MarkBadge } from "./marks.js";

/** @typedef {import("../core/types.js").CasePicture} CasePicture */
/** @typedef {import("../core/types.js").CaseMark} CaseMark */

/** A day with its year: "12 Feb 2027". @param {string} at */
export const dated = (at) => new Intl.DateTimeFormat(language() === "en" ? "en-GB" : language(), { day: "numeric", month: "short", year: "numeric", timeZone: zone() }).format(new Date(at));

/** Where a case's picture is. @param {string} id of the case @param {CasePicture} picture */
export const imagePath = (id, picture) => (picture.image ? casePath(id, `/pictures/${encodeURIComponent(picture.id)}/image`) : null);

/** What there is in a picture's place: the picture, that it is blank, or when it was erased. @param {{ id: string, picture: CasePicture, mark?: CaseMark | undefined, badge?: boolean }} props */
export function CasePictureShown({ id, picture, mark, badge = true }) {
  const frame = `case-picture ${picture.kind} ${mark?.mark ? `marked ${mark.mark}` : ""}`;
  if (picture.erased_at) return html`<div class="${frame} gone"><${Icon} name="bin" /><span>${t("picture.erased", { time: moment(picture.erased_at) })}</span></div>`;
  if (picture.blank) return html`<div class="${frame} gone"><${Icon} name="lock" /><span>${t("picture.blank")}</span></div>`;
  return html`<div class=${frame}><${Picture} path=${imagePath(id, picture)} />${badge && html`<${MarkBadge} mark=${mark?.mark ?? undefined} />`}</div>`;
}

/** "Lobby, camera 1". @param {CasePicture} picture */
export const whereOf = (picture) => [picture.place, picture.camera && t("camera.named", { c: picture.camera })].filter(Boolean).join(", ");
