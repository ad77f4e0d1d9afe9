/** The gallery as a part of the page: its filters are in the address. */

import { format } from "../core/route.js";
import { html } from "../core/html.js";
import { go, store, useApp } from "../shell/state.js";
import { Browser } from "./browser.js";
import { fromAddress, toAddress } from "./filters.js";

export default function Gallery() {
  const params = useApp((state) => state.route.params);
  const filter = (/** @type {Partial<import("./filters.js").Filters>} */ change) => go(format("/gallery", toAddress({ ...fromAddress(store.get().route.params), ...change })), { replace: true });
  return html`<${Browser} filters=${fromAddress(params)} onFilters=${filter} />`;
}
