/** Compare: the query's shots beside a hit, both seen in step. A dialog over the answer; a person decides. */

import { Refusal } from "../core/api.js";
import { onClosed } from "../core/dialog.js";
import { Clip } from "../core/clip.js";
import { html, useEffect, useRef, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { changed } from "../core/route.js";
import { addTexts, clock, moment, number, t } from "../core/words.js";
import { placeOf } from "../answer/model.js";
import { MOST_SHOTS, findSimilar } from "../search/actions.js";
import { Tags } from "../search/camera.js";
import { useTaken } from "../search/when.js";
import { whyNot } from "../shell/failure.js";
import { Decision } from "../cases/decision.js";
import { go, refused, say, store, useApp } from "../shell/state.js";
import { COMPARE } from "../texts/compare.js";
import { fetchAhead, forgetAll } from "./ahead.js";
import { along, beside, between, walk, wholeTrack } from "./facts.js";
import { Film } from "./film.js";
import { LISTED, actOf } from "./keys.js";
import { useNeighbours } from "./neighbours.js";
import { PicturePane } from "./pane.js";
import { ReactionBar, Shading, useHasReactions, useReaction } from "./reaction.js";
import { seenAs } from "./shade.js";
import { addAsShot, useSources } from "./shots.js";
import { Actions, ModelSays, WhereAndWhen } from "./side.js";
import { style } from "../core/style.js";
import { WHOLE, isWhole, level, panned, seen, zoomed } from "./zoom.js";

await style("compare");

addTexts(COMPARE);

/** @typedef {import("../core/types.js").Hit} Hit */

const STEP = 0.1;
const LETTERS = "letter-keys";

/** @param {{ answer: import("../core/types.js").Answer, hit: Hit }} props */
export default function Compare({ answer, hit }) {
  const network = useApp((state) => state.network);
  const asked = useApp((state) => state.answered?.question);
  const shots = useApp((state) => state.shots);
  useApp((state) => state.language);
  const [look, setLook] = useState(WHOLE);
  const [inStep, setInStep] = useState(true);
  const [moves, setMoves] = useState(/** @type {0 | 1} */ (1));
  const [grey, setGrey] = useState(false);
  const [reaction, setReaction] = useState(false);
  const [opacity, setOpacity] = useState(0.6);
  const [numbers, setNumbers] = useState(false);
  // The hit whose numbers are shown because it was marked: they wait for the decision.
  const [peek, setPeek] = useState("");
  const says = numbers || peek === hit.id;
  const [tools, setTools] = useState(false);
  const [keys, setKeys] = useState(false);
  const [letters, setLetters] = useState(sessionStorage.getItem(LETTERS) !== "off");
  const [shot, setShot] = useState(0);
  const [other, setOther] = useState({ hit: "", id: "" });
  const [told, setTold] = useState({ text: "", bad: false });
  const [busy, setBusy] = useState(false);
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const heading = useRef(/** @type {HTMLHeadingElement | null} */ (null));
  const rulers = [useRef(/** @type {HTMLElement | null} */ (null)), useRef(/** @type {HTMLElement | null} */ (null))];
  const latest = useRef(hit.id);
  latest.current = hit.id;

  const { hits } = answer;
  const like = asked?.like ?? "";
  const sources = useSources(like);
  const taken = useTaken(asked);
  const { state: near, neighbours, limit, more } = useNeighbours(hit.id);
  const cameras = new Map((network?.cameras ?? []).map((camera) => [camera.id, camera]));
  const camera = cameras.get(hit.camera);
  const queryCamera = answer.query.camera ? cameras.get(answer.query.camera) : undefined;
  const place = placeOf(camera, hit.taken_at);
  const seconds = between(taken, hit.taken_at);
  const at = hits.indexOf(hit);
  const strip = neighbours ? [...neighbours.before, hit, ...neighbours.after] : [hit];
  const shown = (other.hit === hit.id && strip.find((sighting) => sighting.id === other.id)) || hit;
  const full = shots.length >= MOST_SHOTS;
  const alone = inStep ? null : moves;
  const picture = alone ?? 1;
  const source = sources[Math.min(shot, sources.length - 1)] ?? { key: "", alt: "", gone: t("shots.gone") };
  const hasReactions = useHasReactions(answer.model.fingerprint);
  const reacts = hasReactions && reaction;
  const file = shots.find((each) => source.key.startsWith(`${each.id} `));
  const queryModality = answer.query.modality ?? (queryCamera ? seenAs(queryCamera.modalities) : "");
  const queried = like ? { sighting: like, modality: queryModality } : file && { images: file.file, modality: queryModality, box: file.box?.join() ?? null };
  const maps = [
    useReaction(source.key, reacts && queryModality && queried ? queried : null),
    useReaction(shown.id, reacts && camera && shown.image ? { sighting: shown.id, modality: seenAs(camera.modalities) } : null),
  ];

  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    heading.current?.focus();
    return () => {
      element?.close();
      forgetAll();
      // The focus goes to the card of the hit that was seen last.
      requestAnimationFrame(() => /** @type {HTMLElement | null} */ (document.querySelector(`.answer [data-hit="${CSS.escape(latest.current)}"]`) ?? document.getElementById("verdict"))?.focus());
    };
  }, []);
  useEffect(() => {
    fetchAhead([hit, along(hits, hit.id, 1), along(hits, hit.id, -1)].map((each) => each?.image));
    setTold({ text: "", bad: false });
  }, [hit.id]);

  const close = () => {
    const closed = changed(store.get().route, { hit: null });
    if (history.state?.from === closed) history.back();
    else go(closed, { replace: true });
  };
  const step = (/** @type {number} */ by) => {
    const next = along(hits, hit.id, by);
    if (!next) return;
    go(changed(store.get().route, { hit: next.id }), { replace: true });
    say(t("compare.title", { r: next.rank, n: hits.length }));
  };
  const chooseNear = (/** @type {string} */ id) => setOther({ hit: hit.id, id });
  const similar = () => {
    go(changed(store.get().route, { like: shown.id, camera: null, modality: null, at: null, hit: null }));
    void findSimilar(shown.id);
  };
  const use = async () => {
    if (busy || full) return;
    setBusy(true);
    try {
      await addAsShot(shown);
      setTold({ text: t("compare.used"), bad: false });
    } catch (error) {
      refused(error);
      setTold({ text: error instanceof Refusal && error.status === 404 ? t("compare.gone") : `${t("compare.used.not")} ${whyNot(error)}`, bad: true });
    }
    setBusy(false);
  };
  const zoom = (/** @type {1 | -1} */ direction) => setLook((now) => zoomed(now, level(seen(now, picture).zoom, direction), alone, null, picture));
  const pan = (/** @type {number} */ x, /** @type {number} */ y) => setLook((now) => panned(now, (x * STEP) / seen(now, picture).zoom, (y * STEP) / seen(now, picture).zoom, alone));
  const stepNear = (/** @type {number} */ by) => chooseNear(strip[beside(strip, strip.indexOf(shown), by)].id);
  const stepShot = (/** @type {number} */ by) => setShot(beside(sources, Math.min(shot, sources.length - 1), by));
  const ruler = (/** @type {number | null} */ height) => {
    for (const { current } of rulers) {
      if (!current) continue;
      current.hidden = height === null;
      if (height !== null) current.style.top = `${height}px`;
    }
  };
  /** @type {Record<import("./keys.js").Act, () => void>} */
  const acts = {
    next: () => step(1), previous: () => step(-1), nearer: () => zoom(1), farther: () => zoom(-1), whole: () => setLook(WHOLE),
    panLeft: () => pan(-1, 0), panRight: () => pan(1, 0), panUp: () => pan(0, -1), panDown: () => pan(0, 1),
    shotBefore: () => stepShot(-1), shotAfter: () => stepShot(1), earlier: () => stepNear(-1), later: () => stepNear(1),
    grey: () => setGrey(!grey), numbers: () => (setNumbers(!says), setPeek("")), similar, keys: () => setKeys(!keys),
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    const target = event.target instanceof Element ? event.target : document.body;
    const elsewhere = target.closest("dialog") ?? dialog.current;
    if (target.closest("input:not([type=checkbox]), textarea, select") || elsewhere !== dialog.current) return;
    const act = actOf(event, letters);
    if (!act) return;
    event.preventDefault();
    acts[act]();
  };
  // Keys work wherever the focus is, also where a click on a picture left it nowhere.
  const pressed = useRef(press);
  pressed.current = press;
  useEffect(() => {
    const listen = (/** @type {KeyboardEvent} */ event) => pressed.current(event);
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);

  const time = shown.taken_at ? clock(shown.taken_at, true) : t("hit.notime");
  const queryHead = html`<strong>${t("compare.query")}</strong> ${[answer.query.place, answer.query.camera && t("camera.named", { c: answer.query.camera })].filter(Boolean).join(", ")} ${queryCamera ? html`<${Tags} modalities=${queryCamera.modalities} />` : answer.query.modality ? html`<${Tags} modalities=${[answer.query.modality]} />` : ""} <span class="soft">${taken ? clock(taken, true) : ""}</span>`;
  const hitHead = html`<strong>${shown === hit ? t("compare.hit", { r: hit.rank }) : t("compare.beside", { r: hit.rank })}</strong> ${[place, t("camera.named", { c: hit.camera })].filter(Boolean).join(", ")} ${camera ? html`<${Tags} modalities=${camera.modalities} />` : ""} <span class="soft">${time}</span>
    ${shown !== hit && html`<button type="button" class="link" onClick=${() => chooseNear(hit.id)}>${t("compare.beside.back", { r: hit.rank })}</button>`}`;
  const pane = (/** @type {0 | 1} */ which, /** @type {unknown} */ head, /** @type {import("./pane.js").Source} */ from) => html`<${PicturePane} which=${which} head=${head} source=${from} look=${look} alone=${alone} grey=${grey}
    onLook=${setLook} onTouch=${() => setMoves(which)} onSwipe=${step} onRuler=${ruler} ruler=${rulers[which]} over=${reacts && maps[which].map && html`<${Shading} map=${maps[which].map} opacity=${opacity} />`} />`;
  const title = near === "gone" ? t("compare.gone") : near === "failed" ? t("compare.near.failed") : t(hit.track ? "compare.track" : "compare.near", { track: hit.track });

  return html`<dialog class="compare" ref=${dialog} aria-labelledby="compare-title" onClose=${onClosed(close)}
    onCancel=${(/** @type {Event} */ event) => {
      event.preventDefault();
      if (keys) setKeys(false);
      else close();
    }}>
    <div class="compare-inside">
      <header class="compare-head">
        <button type="button" class="back" onClick=${close}><${Icon} name="close" /> <span>${t("compare.back")}</span> <span class="kbd" aria-hidden="true">Esc</span></button>
        <h2 id="compare-title" tabindex="-1" ref=${heading}>${t("compare.title", { r: at + 1, n: hits.length })}</h2>
        <span class="compare-where soft">${[place, t("camera.named", { c: hit.camera }), hit.taken_at ? moment(hit.taken_at, { seconds: true }) : t("hit.notime")].filter(Boolean).join(", ")}</span>
        <span class="grow"></span>
        <div class="compare-tools ${tools ? "open" : ""}" id="compare-tools">
          <div class="segments" role="group" aria-label=${t("compare.zoom")}>
            <button type="button" aria-label=${t("compare.farther")} onClick=${acts.farther}><${Icon} name="minus" /></button>
            <button type="button" title=${t("compare.fit.long")} onClick=${acts.whole}>${isWhole(look) ? t("compare.fit") : `${number(seen(look, picture).zoom, { maximumFractionDigits: 1 })} ×`} <span class="unseen">${t("compare.fit.long")}</span></button>
            <button type="button" aria-label=${t("compare.nearer")} onClick=${acts.nearer}><${Icon} name="add" /></button>
          </div>
          <button type="button" class="toggle" aria-pressed=${inStep} title=${t("compare.step.how")} onClick=${() => setInStep(!inStep)}><${Icon} name="link" /> ${t("compare.step")}</button>
          <button type="button" class="toggle" aria-pressed=${grey} onClick=${acts.grey}>${t("compare.grey")}</button>
          ${hasReactions && html`<button type="button" class="toggle" aria-pressed=${reaction} title=${t("reaction.not")} onClick=${() => setReaction(!reaction)}>${t("reaction.button")}</button>`}
          <button type="button" aria-expanded=${keys} title=${t("keys.title")} onClick=${acts.keys}><span aria-hidden="true">?</span> <span class="unseen">${t("keys.title")}</span></button>
        </div>
        <button type="button" class="stepper" aria-label=${t("compare.previous")} aria-disabled=${at <= 0} onClick=${acts.previous}><${Icon} name="left" /></button>
        <button type="button" class="stepper" aria-label=${t("compare.next")} aria-disabled=${at >= hits.length - 1} onClick=${acts.next}><${Icon} name="right" /></button>
        <button type="button" class="plain more" aria-expanded=${tools} aria-controls="compare-tools" onClick=${() => setTools(!tools)}><span aria-hidden="true">…</span> <span class="unseen">${t("tools.more")}</span></button>
        ${reacts && html`<${ReactionBar} opacity=${opacity} failed=${maps.some((map) => map.failed)} onOpacity=${setOpacity} />`}
      </header>
      <div class="panes">
        ${keys && html`<${Keys} letters=${letters} onLetters=${(/** @type {boolean} */ on) => (sessionStorage.setItem(LETTERS, on ? "on" : "off"), setLetters(on))} />`}
        ${pane(0, queryHead, source)}
        ${pane(1, hitHead, { key: shown.id, alt: shown === hit ? t("compare.hit", { r: hit.rank }) : t("compare.beside", { r: hit.rank }), path: shown.image })}
        <div class="pane-controls">
          ${!inStep &&
            html`<div class="segments" role="group" aria-label=${t("compare.moves")}>
              ${([0, 1]).map((which) => html`<button type="button" aria-pressed=${moves === which} onClick=${() => setMoves(/** @type {0 | 1} */ (which))}>${which ? t("hit.word") : t("compare.query")}</button>`)}
            </div>`}
            ${!isWhole(look) || !inStep
              ? html`<div class="segments pan" role="group" aria-label=${t("compare.pan")}>
                  ${/** @type {[string, () => void, string][]} */ ([["left", acts.panLeft, "left"], ["up", acts.panUp, "up"], ["down", acts.panDown, "down"], ["right", acts.panRight, "right"]]).map(([name, run, icon]) => html`<button type="button" aria-label=${t(`pan.${name}`)} onClick=${run}><${Icon} name=${icon} size=${16} /></button>`)}
                </div>`
              : ""}
        </div>
      </div>
      <div class="films ${sources.length < 2 ? "one-shot" : ""}">
        <${Film} title=${t("shots.label")} current=${source.key} onChoose=${(/** @type {string} */ key) => setShot(sources.findIndex((each) => each.key === key))}
          items=${sources.map((each, place) => ({ key: each.key, name: t("shots.shot", { i: place + 1 }), label: each.alt, path: each.path, url: each.gone ? undefined : each.url }))} />
        <${Film} title=${title} current=${shown.id} onChoose=${chooseNear} onMore=${more}
          items=${strip.map((sighting) => ({ key: sighting.id, name: sighting.taken_at ? clock(sighting.taken_at, true).slice(-5) : "", label: sighting === hit ? t("compare.hit", { r: hit.rank }) : t("compare.sighting", { time: sighting.taken_at ? moment(sighting.taken_at, { seconds: true }) : t("hit.notime") }), path: sighting.image }))} />
      </div>
      <div class="compare-side">
        <h3>${t("compare.ask")}</h3>
        <p class="note">${t("compare.reminder")}</p>
        <${Decision} hit=${hit} hits=${hits} onMarked=${() => setPeek(hit.id)} />
        <${Actions} idle=${full || busy} hasPicture=${Boolean(shown.image)} recording=${shown.recording} onSimilar=${similar} onUse=${use} />
        <${Clip} id=${shown.id} source=${shown.source} />
        <p class="note ${told.bad ? "problem" : ""}" role="status">${told.text}</p>
        <${WhereAndWhen} hit=${hit} taken=${taken} seconds=${seconds} walk=${walk(network?.passages ?? [], answer.query.place, place, seconds)} track=${hit.track ? wholeTrack(neighbours, limit) : null} />
        <${ModelSays} hit=${hit} answer=${answer} open=${says} onToggle=${acts.numbers} />
      </div>
    </div>
  </dialog>`;
}

/** @param {{ letters: boolean, onLetters: (on: boolean) => void }} props */
const Keys = ({ letters, onLetters }) => html`<section class="keys" aria-label=${t("keys.title")}>
  <dl>${LISTED.map(([pressed, text]) => html`<div><dt>${pressed.split(/\s+/).map((each) => html`<span class="kbd">${each}</span> `)}</dt><dd>${t(text)}</dd></div>`)}</dl>
  <label><input type="checkbox" checked=${letters} onChange=${() => onLetters(!letters)} /> ${t("keys.letters")}</label>
</section>`;
