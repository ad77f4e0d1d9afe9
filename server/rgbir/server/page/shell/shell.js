/** What stands around every view: the bar, the state of the server, sign-in, and the one live region. */

import { Boundary } from "../core/boundary.js";
import { html, useEffect } from "../core/html.js";
import { clock, t } from "../core/words.js";
import { Late } from "../cases/late.js";
import { Bar } from "./bar.js";
import { whyNot } from "./failure.js";
import { SignIn } from "./signin.js";
import { useLater } from "./later.js";
import { Forbidden } from "./load.js";
import { connect, go, useApp } from "./state.js";
import { homeOf, navigationFor, partOf, partsFor } from "./views.js";

export function Shell() {
  const route = useApp((state) => state.route);
  const said = useApp((state) => state.said);
  const away = useApp((state) => state.away);
  const outside = useApp((state) => state.outside);
  const session = useApp((state) => state.session);
  const signIn = useApp((state) => state.signIn);
  const me = useApp((state) => state.me);
  useApp((state) => state.language);
  const part = partOf(route.path);
  const Came = useLater(part?.load);
  const View = part ? Came : Nowhere;

  const mine = partsFor(me?.rights ?? []);
  const barred = me !== null && part !== undefined && !mine.includes(part);
  // Whoever names no part gets the first that is theirs.
  useEffect(() => {
    if (barred && location.hash.replace("#", "") === "" && mine.length) go(`#${homeOf(mine)}`, { replace: true });
  }, [barred]);

  useEffect(() => {
    document.title = part ? `${t(part.text)} · rgbir` : "rgbir";
  });

  const here = `${session} ${route.path} ${route.params.get("view") ?? ""}`;
  return html`<a class="skip" href=${route.path === "/search" ? "#hits" : "#main"} onClick=${(/** @type {Event} */ event) => {
      event.preventDefault();
      /** @type {HTMLElement | null} */ (document.querySelector('#hits [data-hit][tabindex="0"], .sighting[tabindex="0"]') ?? document.getElementById("hits") ?? document.querySelector("main"))?.focus();
    }}>${t(route.path === "/search" ? "skip" : "skip.main")}</a>
    <${Bar} path=${route.path} />
    ${away ? html`<${Away} since=${away} shows=${route.path === "/search"} />` : html`<${NotRead} />`}
    <main id="main" tabindex="-1"><h1 class="unseen">${part ? t(part.text) : "rgbir"}</h1><${Boundary} at=${here} of=${View}>${barred ? html`<${Forbidden} parts=${navigationFor(me?.rights ?? [])} />` : View && (me || away || outside) ? html`<${View} key=${session} />` : html`<p class="state">${t("loading")}</p>`}<//></main>
    <footer class="page-foot"><a href="docs">${t("foot.api")}</a></footer>
    <div class="unseen" role="status" aria-live="polite">${said}</div>
    <${Late} name="Keeper" />
    ${signIn && html`<${SignIn} />`}`;
}

/** The server doesn't answer, and from when what is seen is. @param {{ since: Date, shows: boolean }} props `shows`: whether that is an answer */
function Away({ since, shows }) {
  const answered = useApp((state) => state.answered);
  return html`<p class="bar away" role="status">${shows && answered ? t("server.away", { time: clock(answered.at) }) : t("server.away.since", { time: clock(since) })}</p>`;
}

/** Who one is or what there is couldn't be read. */
function NotRead() {
  const trouble = useApp((state) => state.trouble);
  if (!trouble) return null;
  return html`<div class="bar away" role="alert"><span class="grow">${t("trouble.start", { detail: whyNot(trouble) })}</span> <button type="button" onClick=${() => connect()}>${t("server.again")}</button></div>`;
}

const Nowhere = () => html`<p class="state">${t("nowhere")} <a href="#/search">${t("nav.search")}</a></p>`;
