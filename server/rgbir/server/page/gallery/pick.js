/** The gallery as a dialog: one sighting is taken in place of pictures. */

import { Dialog } from "../core/dialog.js";
import { html, useState } from "../core/html.js";
import { t } from "../core/words.js";
import { change } from "../search/actions.js";
import { Browser } from "./browser.js";
import { ALL } from "./filters.js";

/** @param {{ onClose: () => void }} props */
export default function Pick({ onClose }) {
  const [filters, setFilters] = useState(ALL);
  const take = (/** @type {{ id: string }} */ sighting) => {
    change({ like: sighting.id, camera: "", modality: "", at: "" });
    onClose();
  };
  return html`<${Dialog} title=${t("gallery.pick")} className="wide picker" onClose=${onClose}>
    <${Browser} filters=${filters} onFilters=${(/** @type {Partial<import("./filters.js").Filters>} */ part) => setFilters({ ...filters, ...part })} onPick=${take} />
  <//>`;
}
