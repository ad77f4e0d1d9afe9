"use strict";

const $ = (id) => document.getElementById(id);
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

const state = { camera: null, shots: [], hits: [], open: -1, asked: 0 };

// Addresses are relative to the page, wherever a proxy shows it.
// A server with keys: the key lives as long as the tab, and travels as a header only.
function get(path, options = {}) {
  const key = sessionStorage.getItem("key");
  return fetch(path, key ? { ...options, headers: { Authorization: `Bearer ${key}` } } : options);
}

async function ask(path, options) {
  const response = await get(path, options);
  const body = await response.json().catch(() => ({}));
  if (response.status === 401) $("key").hidden = false;
  if (!response.ok) throw new Error(body.detail || `the server answered ${response.status}`);
  return body;
}

// Pictures can't carry a header, so with a key they are fetched and shown from memory.
function kept(path, properties) {
  const image = make("img", properties);
  if (!sessionStorage.getItem("key")) image.src = path;
  else get(path).then((response) => response.blob()).then((blob) => { image.src = URL.createObjectURL(blob); });
  return image;
}

function say(problem) {
  $("problem").textContent = problem || "";
  $("problem").hidden = !problem;
}

function choose(camera) {
  state.camera = camera;
  for (const button of $("cameras").children) {
    const chosen = button.dataset.id === camera;
    button.setAttribute("aria-checked", chosen);
    button.tabIndex = chosen || (!camera && button === $("cameras").firstChild) ? 0 : -1;
  }
  ready();
}

function ready() {
  $("go").disabled = !state.camera || state.shots.length === 0;
}

function showShots() {
  $("shots").replaceChildren(...state.shots.map((shot, place) => {
    const image = make("img", { src: shot.url, alt: `shot ${place + 1}` });
    return make("button", { title: "remove this shot", onclick: () => { state.shots.splice(place, 1); showShots(); } }, image);
  }));
  ready();
}

function take(files) {
  const images = [...files].filter((file) => file.type.startsWith("image/") || /\.(jpe?g|png|bmp|webp|tiff?)$/i.test(file.name));
  if (images.length === 0) return say("That is not an image; JPEG, PNG, BMP, WebP and TIFF can be searched.");
  say();
  state.shots.push(...images.map((file) => ({ file, url: URL.createObjectURL(file) })));
  showShots();
}

function moment(id) {
  return $(id).value ? new Date($(id).value).toISOString() : null;
}

async function search() {
  const number = ++state.asked;
  const form = new FormData();
  for (const shot of state.shots) form.append("images", shot.file, shot.file.name || "pasted");
  form.append("camera", state.camera);
  form.append("top_k", $("top").value);
  for (const name of ["since", "until"]) if (moment(name)) form.append(name, moment(name));
  for (const name of ["purpose", "case"]) if ($(name).value) form.append(name, $(name).value);
  $("go").disabled = true;
  say();
  try {
    const answer = await ask("search", { method: "POST", body: form });
    if (number === state.asked) show(answer);
  } catch (error) {
    say(error.message);
  } finally {
    ready();
  }
}

function show(answer) {
  state.hits = answer.hits;
  const shots = answer.query.shots > 1 ? `, ${answer.query.shots} shots` : "";
  $("summary").textContent = `${answer.hits.length} hits for an ${answer.query.modality.toUpperCase()} picture of camera ${answer.query.camera}${shots}, in cameras ${answer.searched_cameras.join(", ") || "none"}`;
  $("excluded").replaceChildren(...[...answer.warnings, ...answer.excluded_cameras.map((left) => `camera ${left.camera} left out: ${left.reason}`)].map((line) => make("li", { textContent: line })));
  const stages = Object.entries(answer.milliseconds).map(([stage, value]) => `${stage} ${value.toFixed(1)} ms`).join(", ");
  $("cost").textContent = `${answer.model.name} ${answer.model.fingerprint}; ${answer.exact ? "exact" : "approximate"}; ${stages}`;
  $("answer").hidden = false;
  draw();
  if (innerWidth < 760) $("answer").scrollIntoView({ behavior: "smooth" });
}

function draw() {
  const farthest = Math.max(...state.hits.map((hit) => hit.distance), 1e-9);
  const card = (hit, place) => {
    const picture = hit.image ? kept(hit.image, { alt: "", loading: "lazy" }) : make("div", { className: "none", textContent: "no picture kept" });
    const time = hit.taken_at ? new Date(hit.taken_at).toLocaleString() : "";
    const meter = make("meter", { min: 0, max: farthest, value: hit.distance, title: `distance ${hit.distance}` });
    const meant = hit.meaning && hit.meaning.strangers !== null ? `${hit.meaning.strangers.toPrecision(2)} strangers as near` : "";
    const lines = [`#${hit.rank} camera ${hit.camera}`, meant, `distance ${hit.distance.toFixed(3)}`, time, hit.identity === null ? "" : `identity ${hit.identity}`];
    const text = make("div", { className: "text" }, ...lines.filter(Boolean).map((line) => make("div", { textContent: line })), meter);
    return make("button", { className: "hit", onclick: () => compare(place) }, picture, text);
  };
  if (!$("grouped").checked) {
    return $("hits").replaceChildren(make("div", { className: "grid" }, ...state.hits.map(card)));
  }
  const cameras = [...new Set(state.hits.map((hit) => hit.camera))].sort();
  $("hits").replaceChildren(...cameras.flatMap((camera) => [
    make("h3", { textContent: `camera ${camera}` }),
    make("div", { className: "grid" }, ...state.hits.map((hit, place) => [hit, place]).filter(([hit]) => hit.camera === camera).map(([hit, place]) => card(hit, place))),
  ]));
}

function compare(place) {
  if (place < 0 || place >= state.hits.length) return;
  const hit = state.hits[place];
  state.open = place;
  $("left").src = state.shots[0] ? state.shots[0].url : "";
  $("right").src = "";
  if (hit.image) get(hit.image).then((response) => response.blob()).then((blob) => { if (state.open === place) $("right").src = URL.createObjectURL(blob); });
  $("which").textContent = `#${hit.rank}, camera ${hit.camera}, distance ${hit.distance.toFixed(4)}`;
  if (!$("compare").open) $("compare").showModal();
}

async function start() {
  $("about").textContent = "connecting…";
  const [network, gallery, samples] = await Promise.all([ask("cameras"), ask("gallery"), ask("samples")]);
  $("about").textContent = `${gallery.sightings.toLocaleString()} sightings of ${gallery.cameras.length} cameras; model ${gallery.model}`;
  $("cameras").replaceChildren(...network.cameras.map((camera, place) => {
    const kind = camera.modalities.map((m) => m.toUpperCase()).join("+");
    const button = make("button", { onclick: () => choose(camera.id), tabIndex: place ? -1 : 0 }, `camera ${camera.id}`, make("small", { textContent: `${kind}, ${camera.place}` }));
    button.setAttribute("role", "radio");
    button.setAttribute("aria-checked", "false");
    button.dataset.id = camera.id;
    return button;
  }));
  $("samples").hidden = samples.length === 0;
  $("samples").lastElementChild.replaceChildren(...samples.map((sample) => make("button", {
    title: `camera ${sample.camera}`,
    onclick: async () => {
      const blob = await (await get(`samples/${sample.name}`)).blob();
      state.shots = [{ file: new File([blob], sample.name, { type: "image/jpeg" }), url: URL.createObjectURL(blob) }];
      showShots();
      choose(sample.camera);
      search();
    },
  }, kept(`samples/${sample.name}`, { alt: `sample of camera ${sample.camera}` }))));
}

$("cameras").addEventListener("keydown", (event) => {
  const buttons = [...$("cameras").children];
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const next = buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length];
  next.focus();
  choose(next.dataset.id);
});
$("files").addEventListener("change", (event) => { take(event.target.files); event.target.value = ""; });
$("drop").addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); $("files").click(); } });
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") take(event.dataTransfer.files);
  });
}
document.addEventListener("paste", (event) => { if (event.clipboardData.files.length) take(event.clipboardData.files); });
$("go").addEventListener("click", search);
$("grouped").addEventListener("change", draw);
$("close").addEventListener("click", () => $("compare").close());
$("compare").addEventListener("keydown", (event) => {
  if (event.key === "ArrowRight") compare(state.open + 1);
  if (event.key === "ArrowLeft") compare(state.open - 1);
});
$("key").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("key", $("token").value.trim());
  $("token").value = "";
  $("key").hidden = true;
  say();
  start().catch((error) => { say(error.message); });
});
start().catch((error) => { $("about").textContent = "not connected"; say(error.message); });
