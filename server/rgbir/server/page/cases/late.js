/** What belongs to the case in use; its module comes once somebody is there who may work on cases. */

import { html, useEffect, useState } from "../core/html.js";
import { useApp, watch } from "../shell/state.js";

/** @param {{ name: "Keeper" | "Menu" }} props */
export function Late({ name }) {
  const may = useApp((state) => /** @type {readonly string[]} */ (state.me?.rights ?? []).includes("cases"));
  const away = useApp((state) => state.away);
  const [module, setModule] = useState(/** @type {any} */ (null));
  useEffect(() => {
    if (may && !module) void import("./keeper.js").then(setModule, watch);
  }, [may, away]);
  return may && module && html`<${module[name]} />`;
}
