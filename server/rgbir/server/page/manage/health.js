/** How the server is: metrics read from Prometheus's text, and rows of what they say. Pure. */

/** @typedef {{ name: string, labels: Record<string, string>, value: number }} Sample */
/** @typedef {{ name: string, value: string | number | null, kind: "text" | "count" | "bytes" | "moment" | "span", bad: string | null }} Fact */

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** @param {string} text @returns {Sample[]} */
export function samples(text) {
  return text.split("\n").flatMap((line) => {
    const match = line.startsWith("#") ? null : LINE.exec(line);
    if (!match) return [];
    const labels = Object.fromEntries([...(match[2] ?? "").matchAll(LABEL)].map(([, name, value]) => [name, value.replace(/\\(.)/g, (_, sign) => (sign === "n" ? "\n" : sign))]));
    return [{ name: match[1], labels, value: Number(match[3]) }];
  });
}

/** The sum of a metric's samples; null where there is none. @param {Sample[]} list @param {string} name */
export function total(list, name) {
  const values = list.filter((sample) => sample.name === name);
  return values.length ? values.reduce((sum, sample) => sum + sample.value, 0) : null;
}

/** @param {Sample[]} list @param {string} name @param {string} label */
const labelOf = (list, name, label) => list.find((sample) => sample.name === name)?.labels[label] ?? null;

/**
 * @param {{ status: string, detail?: string } | null} ready
 * @param {Sample[]} list
 * @param {{ sightings: number, generation: number, model: string, fingerprint: string } | null} gallery
 * @param {Date} now
 * @param {{ in_flight: number, images: number, most_images: number, seconds?: number | null } | null} [queue]
 * @returns {Fact[]} what isn't known is left out; `bad` is the code of what to do
 */
export function facts(ready, list, gallery, now, queue = null) {
  const ends = total(list, "rgbir_tls_certificate_expires_timestamp_seconds");
  const waiting = queue?.images ?? total(list, "rgbir_images_waiting");
  const refusals = total(list, "rgbir_model_refused_total");
  const started = total(list, "process_start_time_seconds");
  const approximate = total(list, "rgbir_approximate_searches_total");
  const unused = total(list, "rgbir_tls_certificate_refused");
  const sightings = gallery?.sightings ?? total(list, "rgbir_sightings");
  /** @type {Fact[]} */
  const all = [
    { name: "ready", value: ready ? (ready.status === "ok" ? "yes" : "no") : null, kind: "text", bad: ready && ready.status !== "ok" ? "system.bad.ready" : null },
    { name: "detail", value: ready?.status === "ok" ? null : ready?.detail || null, kind: "text", bad: null },
    { name: "version", value: labelOf(list, "rgbir_build_info", "version"), kind: "text", bad: null },
    { name: "model", value: labelOf(list, "rgbir_model_info", "name") ?? gallery?.model ?? null, kind: "text", bad: null },
    { name: "fingerprint", value: labelOf(list, "rgbir_model_info", "fingerprint") ?? gallery?.fingerprint ?? null, kind: "text", bad: null },
    { name: "sightings", value: sightings, kind: "count", bad: sightings === 0 ? "system.bad.sightings" : null },
    { name: "generation", value: gallery?.generation ?? total(list, "rgbir_gallery_generation"), kind: "count", bad: null },
    { name: "flight", value: queue?.in_flight ?? total(list, "rgbir_requests_in_flight"), kind: "count", bad: null },
    { name: "waiting", value: waiting, kind: "count", bad: queue && queue.images > queue.most_images / 2 ? "system.bad.waiting" : null },
    { name: "soon", value: queue?.images ? (queue.seconds ?? null) : null, kind: "span", bad: null },
    { name: "refused", value: refusals, kind: "count", bad: refusals ? "system.bad.refused" : null },
    { name: "approximate", value: approximate, kind: "count", bad: null },
    { name: "memory", value: total(list, "process_resident_memory_bytes"), kind: "bytes", bad: null },
    { name: "started", value: started === null ? null : new Date(started * 1000).toISOString(), kind: "moment", bad: null },
    { name: "certificate", value: ends === null ? null : new Date(ends * 1000).toISOString(), kind: "moment", bad: unused ? "system.bad.pair" : ends !== null && ends * 1000 - now.getTime() < 14 * 86400_000 ? "system.bad.certificate" : null },
  ];
  return all.filter((fact) => fact.value !== null);
}

/** Best scores by camera pair: how many searches, and their mean. @param {Sample[]} list */
export function drift(list) {
  const pairs = list.filter((sample) => sample.name === "rgbir_best_score_count" && sample.value > 0);
  return pairs.map(({ labels, value }) => {
    const sum = list.find((sample) => sample.name === "rgbir_best_score_sum" && sample.labels.query === labels.query && sample.labels.hit === labels.hit);
    return { query: labels.query, hit: labels.hit, searches: value, mean: (sum?.value ?? 0) / value };
  });
}
