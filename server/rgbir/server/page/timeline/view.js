/** Timeline: hits of an answer on lanes by place, in real time, around the query's moment. */

import { html, useLayoutEffect, useMemo, useRef, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { Picture } from "../core/picture.js";
import { clock, moment, t, zone } from "../core/words.js";
import { useTaken } from "../search/when.js";
import { strongest } from "../cases/model.js";
import { useMarks } from "../cases/state.js";
import { pressed } from "../cases/work.js";
import { useApp } from "../shell/state.js";
import { addTexts } from "../core/words.js";
import { TIMELINE } from "../texts/timeline.js";
import { Axis } from "./axis.js";
import { FREE, bars, clustered, daily } from "./clusters.js";
import { ClusterList, TimeTable, WindowDialog } from "./exact.js";
import { useGestures } from "./gestures.js";
import { LINE, LaneRow, pixel } from "./lane.js";
import { lanesOf, led, shades, timed } from "./lanes.js";
import { Overview } from "./overview.js";
import { Legend, Patterns } from "./patterns.js";
import { stepOf, ticks } from "./ticks.js";
import { useWindow } from "./shown.js";
import { style } from "../core/style.js";
import { LEAST, SCALES, beginning, centred, everything, isLong, middle, padded, panned, scaleOf, scaled, showing, zoomed } from "./windows.js";

await style("timeline");

addTexts(TIMELINE);

/** @typedef {import("./clusters.js").Item} Item */
/** @typedef {import("./windows.js").Window} Window */

const QUERY = "query";
const NEARER = 0.5;
const QUARTER = 0.25;
/** Up to so long a window a hit that was marked same stands by itself. */
const SHORT = 3 * 3600 * 1000;

/**
 * @param {{ answer: import("../core/types.js").Answer, question: import("../search/question.js").Question, onOpen: (hit: import("../core/types.js").Hit) => void,
 *   fixed?: import("../cases/model.js").Marks }} props `fixed`: marks that are shown in place of those of the case in use; then none is set here
 */
export default function Timeline({ answer, question, onOpen, fixed }) {
  const network = useApp((state) => state.network);
  useApp((state) => state.language);
  const taken = useTaken(question) || null;
  const at = taken ? Date.parse(taken) : null;
  const hits = useMemo(() => timed(answer.hits), [answer]);
  const lanes = useMemo(() => lanesOf(answer, network, taken), [answer, network, taken]);
  const start = useMemo(() => beginning(at, hits), [answer, at]);
  const all = useMemo(() => everything(at, hits), [answer, at]);
  if (!start || !all) return html`<p class="state">${t("time.untimed")}</p>`;
  return html`<${Drawn} ...${{ answer, question, onOpen, fixed, lanes, hits, at, start, all }} />`;
}

/**
 * @param {{ answer: import("../core/types.js").Answer, question: import("../search/question.js").Question, onOpen: (hit: import("../core/types.js").Hit) => void,
 *   fixed: import("../cases/model.js").Marks | undefined, lanes: import("./lanes.js").Lane[], hits: import("./lanes.js").Timed[], at: number | null, start: Window, all: Window }} props
 */
function Drawn({ answer, question, onOpen, fixed, lanes, hits, at, start, all }) {
  const [window, setWindow] = useWindow(start);
  const [width, setWidth] = useState(0);
  const [here, setHere] = useState("");
  const [table, setTable] = useState(false);
  const [exact, setExact] = useState(false);
  const [list, setList] = useState(/** @type {{ place: string, item: Item } | null} */ (null));
  const area = useRef(/** @type {HTMLDivElement | null} */ (null));
  const track = useRef(/** @type {HTMLDivElement | null} */ (null));
  const follow = useRef(false);
  useGestures(area, track, window, setWindow);
  useLayoutEffect(() => {
    const element = track.current;
    if (!element) return undefined;
    const measure = () => setWidth(element.clientWidth);
    measure();
    const watcher = new ResizeObserver(measure);
    watcher.observe(element);
    return () => watcher.disconnect();
  }, []);

  const coarse = matchMedia("(pointer: coarse)").matches;
  const picture = coarse ? 44 : 36;
  const perPixel = width > 0 ? Math.round(((window.to - window.from) / width) * 100) / 100 : 0;
  const long = isLong(window);
  const reach = FREE * picture * perPixel;
  const used = useMarks();
  const marks = fixed ?? used;
  const short = window.to - window.from <= SHORT;
  const items = useMemo(() => (perPixel ? lanes.map((lane) => (long ? daily(lane.hits, reach, zone()) : clustered(lane.hits, reach, (each) => short && marks.get(each.hit.id)?.mark === "same"))) : lanes.map(() => [])), [lanes, perPixel, long, picture, short, marks]);
  const counts = useMemo(() => lanes.map((lane) => (long && perPixel ? bars(lane.hits, perPixel, zone()) : [])), [lanes, perPixel, long]);
  const step = stepOf(Math.max(perPixel, 0.001));
  const drawing = { window, width, picture, at, ticks: perPixel ? ticks(window, step, zone()) : [] };

  const own = lanes.some((lane) => lane.own) && at !== null;
  const reachable = lanes.map((lane, place) => (lane.own && at !== null ? [{ key: QUERY, at }] : items[place]));
  const isShown = (/** @type {{ at: number }} */ item) => item.at >= window.from && item.at <= window.to;
  const visible = reachable.flat().filter(isShown);
  const holding = here === QUERY ? QUERY : items.flat().find((item) => item.hits.some((each) => each.hit.id === here))?.key;
  const stop =
    visible.find((item) => item.key === holding)?.key ??
    visible.filter((item) => item.key !== QUERY).reduce((/** @type {any} */ best, /** @type {any} */ item) => (best === null || item.best.rank < best.best.rank ? item : best), null)?.key ??
    visible[0]?.key ??
    "";

  useLayoutEffect(() => {
    if (!follow.current || !width) return;
    follow.current = false;
    const element = /** @type {HTMLElement | null} */ (area.current?.querySelector('[data-key][tabindex="0"]') ?? area.current);
    element?.focus({ preventScroll: true });
    element?.closest(".lane")?.scrollIntoView({ block: "nearest" });
  });

  /** @param {string} key @param {Window} next */
  const goTo = (key, next) => {
    follow.current = true;
    setHere(key);
    setWindow(next);
  };
  const around = () => [...reachable.flat()].find((item) => item.key === stop)?.at ?? middle(window);
  const zoom = (/** @type {number} */ factor) => setWindow(zoomed(window, factor, around()));
  const toQuery = () => at !== null && setWindow(centred(window, at));

  const open = (/** @type {Item} */ item) => {
    setHere(item.key);
    if (item.hits.length === 1) return onOpen(item.best.hit);
    const next = padded({ from: item.from, to: item.to });
    const apart = clustered(item.hits, (FREE * picture * Math.max(next.to - next.from, LEAST)) / width).length > 1;
    if (item.to - item.from > 1000 && apart && next.to - next.from < window.to - window.from) return goTo(item.key, next);
    const lane = lanes.find((each) => each.hits.includes(item.best));
    return setList({ place: lane?.place ?? "", item });
  };

  const press = (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || /** @type {HTMLElement} */ (event.target).closest("dialog")) return;
    if (!event.shiftKey && !fixed && pressed(event, /** @type {HTMLElement} */ (event.target).dataset.hit)) return;
    const shift = { ArrowLeft: -QUARTER, ArrowRight: QUARTER }[event.key];
    const keys = /** @type {Record<string, () => void>} */ ({
      "+": () => goTo(stop, zoomed(window, NEARER, around())),
      "=": () => goTo(stop, zoomed(window, NEARER, around())),
      "-": () => goTo(stop, zoomed(window, 1 / NEARER, around())),
      0: () => goTo(stop, all),
      q: () => at !== null && goTo(own ? QUERY : stop, centred(window, at)),
    });
    if (event.shiftKey && shift) goTo(stop, panned(window, shift));
    else if (keys[event.key.toLowerCase()]) keys[event.key.toLowerCase()]();
    else {
      const target = led(event.key, reachable, stop);
      if (!target) return;
      goTo(target.key, showing(window, target.at));
    }
    event.preventDefault();
  };

  const scale = scaleOf(window, zone(), all);
  const drawn = lanes.filter((lane) => !lane.own).map((lane) => shades(lane.walk, at, window)).flat();
  const kinds = ["walk", "never", "beyond"].filter((kind) => drawn.some((shade) => shade.kind === kind));
  const thin = drawn.some((shade) => shade.kind === "never" && pixel(drawing, shade.to) - pixel(drawing, shade.from) < LINE && shade.from > window.from && shade.to < window.to);
  const title = `${moment(new Date(window.from), { seconds: window.to - window.from < 300000 })} – ${moment(new Date(window.to), { seconds: window.to - window.from < 300000 })}`;
  const chooseScale = (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = SCALES[(SCALES.indexOf(scale ?? "all") + by + SCALES.length) % SCALES.length];
    setWindow(scaled(next, around(), zone(), all));
    document.getElementById(`scale-${next}`)?.focus();
  };
  const query = (/** @type {import("./lanes.js").Lane} */ lane) =>
    lane.own && at !== null && pixel(drawing, at) > -picture && pixel(drawing, at) < width + picture
      ? html`<${Query} question=${question} camera=${answer.query.camera} at=${at} x=${pixel(drawing, at)} width=${width} stops=${stop === QUERY} />`
      : null;

  return html`<div class="timeline">
    <div class="time-tools">
      <button type="button" aria-label=${t("time.earlier")} title=${t("time.earlier")} onClick=${() => setWindow(panned(window, -QUARTER))}><${Icon} name="left" /></button>
      <button type="button" aria-label=${t("time.later")} title=${t("time.later")} onClick=${() => setWindow(panned(window, QUARTER))}><${Icon} name="right" /></button>
      <button type="button" class="plain time-title" aria-haspopup="dialog" title=${t("time.window")} onClick=${() => setExact(true)}>${title}</button>
      <span class="grow"></span>
      <div class="segments" role="radiogroup" aria-label=${t("time.show")} onKeyDown=${chooseScale}>
        ${SCALES.map((name) => html`<button type="button" role="radio" id=${`scale-${name}`} aria-checked=${name === scale} tabindex=${name === scale || (!scale && name === SCALES[0]) ? 0 : -1} onClick=${() => setWindow(scaled(name, around(), zone(), all))}>${t(`scale.${name}`)}</button>`)}
      </div>
      <div class="segments" role="group" aria-label=${t("time.zoom")}>
        <button type="button" aria-label=${t("time.farther")} onClick=${() => zoom(1 / NEARER)}><${Icon} name="minus" /></button>
        <button type="button" aria-label=${t("time.nearer")} onClick=${() => zoom(NEARER)}><${Icon} name="add" /></button>
      </div>
      ${at !== null && html`<button type="button" onClick=${toQuery}><${Icon} name="clock" /> ${t("time.query")}</button>`}
    </div>
    <${Patterns} />
    <p class="unseen" id="time-keys">${t("time.keys")}</p>
    <div class="lanes-scroll">
      <${Axis} ticks=${drawing.ticks} step=${step} window=${window} width=${width} track=${track} />
      <div class="lanes" role="grid" aria-label=${t("view.timeline")} aria-describedby="time-keys" tabindex=${visible.length ? -1 : 0} ref=${area} onKeyDown=${press}
        onFocusIn=${(/** @type {FocusEvent} */ event) => {
          const key = /** @type {HTMLElement} */ (event.target).dataset.key;
          if (key) setHere(key);
        }}>
        ${lanes.map((lane, place) => html`<${LaneRow} key=${lane.place} lane=${lane} known=${Boolean(answer.query.place)} items=${items[place]} counts=${counts[place]} drawing=${drawing} stop=${stop} marked=${(/** @type {Item} */ item) => strongest(item.hits.map((each) => marks.get(each.hit.id)?.mark))} query=${query(lane)} onPress=${open} />`)}
      </div>
    </div>
    ${width > 0 && !hits.some(isShown) && html`<p class="bar" role="status">${t("time.nowhere")} <button type="button" class="link" onClick=${() => setWindow(all)}>${t("time.all")}</button></p>`}
    <${Overview} window=${window} width=${width} extent=${all} onWindow=${setWindow} />
    <div class="time-foot"><${Legend} kinds=${kinds} thin=${thin} several=${t("time.together")} texts=${{ walk: t("time.walkable"), never: t("time.never"), beyond: t("time.beyond"), thin: t("time.thin") }} />
      <button type="button" aria-pressed=${table} onClick=${() => setTable(!table)}>${t("time.table")}</button></div>
    ${table && html`<${TimeTable} lanes=${lanes} onOpen=${onOpen} />`}
    ${exact && html`<${WindowDialog} window=${window} onWindow=${setWindow} onClose=${() => setExact(false)} />`}
    ${list && html`<${ClusterList} place=${list.place} hits=${list.item.hits} onOpen=${onOpen} onClose=${() => setList(null)} />`}
  </div>`;
}

/** The query's picture at its moment. @param {{ question: import("../search/question.js").Question & { picture?: string }, camera: string | null | undefined, at: number, x: number, width: number, stops: boolean }} props */
function Query({ question, camera, at, x, width, stops }) {
  const shots = useApp((state) => state.shots);
  const words = [clock(new Date(at)), ...(camera ? [t("hit.camera", { c: camera })] : [])].join(", ");
  return html`<div class="mark query" role="gridcell" data-key=${QUERY} tabindex=${stops ? 0 : -1} aria-label=${`${t("time.asked")}, ${words}`} style=${{ left: `${x}px` }}>
      ${question.picture ? html`<${Picture} path=${question.picture} eager=${true} />` : question.like ? html`<${Picture} path=${`gallery/sightings/${encodeURIComponent(question.like)}/image`} eager=${true} />` : shots[0]?.shows ? html`<div class="picture"><img src=${shots[0].url} alt="" /></div>` : html`<div class="picture"></div>`}
    </div>
    <div class=${`callout ${x > width - 140 ? "before" : ""}`} aria-hidden="true" style=${{ left: `${x}px` }}><strong>${t("time.asked")}</strong><span>${words}</span></div>`;
}
