/** What stands around every view: the bar, the state of the server, sign-in, and the one live region. */

import { html, useEffect, useRef, useState } from "../core/html.js";
import { clock, t } from "../core/words.js";
import { Late } from "../cases/late.js";
import { Bar } from "./bar.js";
import { SignIn } from "./signin.js";
import { Forbidden } from "./load.js";
import { go, useApp, watch } from "./state.js";
import { PARTS, homeOf, partsFor, viewOf } from "./views.js";

export function Shell() {
  const route = useApp((state) => state.route);
  const said = useApp((state) => state.said);
  const away = useApp((state) => state.away);
  const signIn = useApp((state) => state.signIn);
  const me = useApp((state) => state.me);
  useApp((state) => state.language);
  const part = PARTS.find((each) => route.path.startsWith(each.path));
  const [View, setView] = useState(/** @type {any} */ (null));
  const latest = useRef("");

  useEffect(() => {
    latest.current = route.path;
    const load = viewOf(route.path);
    if (!load) return setView(() => Nowhere);
    void load().then((module) => latest.current === route.path && setView(() => module.default), watch);
  }, [route.path, away]);

  const mine = partsFor(me?.rights ?? []);
  const barred = me !== null && part !== undefined && !mine.includes(part);
  // Whoever names no part gets the first that is theirs.
  useEffect(() => {
    if (barred && location.hash.replace("#", "") === "" && mine.length) go(`#${homeOf(mine)}`, { replace: true });
  }, [barred]);

  useEffect(() => {
    document.title = part ? `${t(part.text)} · rgbir` : "rgbir";
  });

  return html`<a class="skip" href=${route.path === "/search" ? "#hits" : "#main"} onClick=${(/** @type {Event} */ event) => {
      event.preventDefault();
      /** @type {HTMLElement | null} */ (document.querySelector('#hits [data-hit][tabindex="0"], .sighting[tabindex="0"]') ?? document.getElementById("hits") ?? document.querySelector("main"))?.focus();
    }}>${t(route.path === "/search" ? "skip" : "skip.main")}</a>
    <${Bar} path=${route.path} />
    ${away && html`<p class="bar away" role="status">${t("server.away", { time: clock(away) })}</p>`}
    <main id="main" tabindex="-1"><h1 class="unseen">${part ? t(part.text) : "rgbir"}</h1>${barred ? html`<${Forbidden} parts=${mine} />` : View && (me || away || signIn) ? html`<${View} />` : html`<p class="state">${t("loading")}</p>`}</main>
    <footer class="page-foot"><a href="docs">${t("foot.api")}</a></footer>
    <div class="unseen" role="status" aria-live="polite">${said}</div>
    <${Late} name="Keeper" />
    ${signIn && html`<${SignIn} />`}`;
}

const Nowhere = () => html`<p class="state">${t("nowhere")} <a href="#/search">${t("nav.search")}</a></p>`;
