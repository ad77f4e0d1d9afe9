/** What the gallery's view shows, from the server: counts, and sightings block by block. */

import { ask } from "../core/api.js";
import { useCallback, useEffect, useRef, useState } from "../core/html.js";
import { zone } from "../core/words.js";
import { refused, useApp } from "../shell/state.js";
import { asked } from "./filters.js";
import { extent, midnight, unitOf } from "./heat.js";

/** @typedef {import("./filters.js").Filters} Filters */
/** @typedef {import("./heat.js").Counted} Counted */
/** @typedef {{ id: string, camera: string, taken_at?: string | null, identity?: number | null, track?: string | null, source: string, image?: string | null }} Sighting */

/** @param {"hour" | "day"} by @param {{ since?: string, until?: string, cameras?: string[] }} [which] @returns {Promise<Counted[]>} */
async function counts(by, { since, until, cameras = [] } = {}) {
  const params = new URLSearchParams({ by, zone: zone() });
  if (since) params.set("since", since);
  if (until) params.set("until", until);
  for (const camera of cameras) params.append("cameras", camera);
  return (await ask(`gallery/counts?${params}`)).cameras;
}

/**
 * Counts of all cameras for the strip, by what their span asks for.
 * @param {{ since: string, until: string } | null} narrow only these dates
 * @param {number} version grows when something was erased
 */
export function useCounts(narrow, version) {
  const [found, setFound] = useState({ state: /** @type {"loading" | "there" | "failed"} */ ("loading"), counted: /** @type {Counted[]} */ ([]), unit: /** @type {import("./heat.js").Unit} */ ("day"), failure: /** @type {unknown} */ (null) });
  const [tries, setTries] = useState(0);
  const me = useApp((state) => state.me);
  const [since, until] = [narrow?.since ?? "", narrow?.until ?? ""];
  useEffect(() => {
    if (!me) return undefined;
    let gone = false;
    const look = async () => {
      const days = await counts("day", { since, until });
      const span = extent(days);
      const unit = span ? unitOf(span.days) : "day";
      if (unit !== "hour" || !span) return { counted: days, unit };
      const end = new Date(Date.parse(midnight(span.last, zone())) + 26 * 3600000).toISOString();
      const counted = await counts("hour", { since: since || midnight(span.first, zone()), until: until || end });
      return { counted, unit };
    };
    look().then(
      (counted) => gone || setFound({ state: "there", failure: null, ...counted }),
      (failure) => {
        if (gone) return;
        setFound((before) => ({ ...before, state: "failed", failure }));
        refused(failure);
      },
    );
    return () => {
      gone = true;
    };
  }, [me, since, until, version, tries]);
  return { ...found, again: () => setTries(tries + 1) };
}

/**
 * Sightings, a block at once.
 * @param {Filters} filters
 * @param {number} version
 */
export function useSightings(filters, version) {
  const [found, setFound] = useState({ state: /** @type {"loading" | "there" | "more" | "failed"} */ ("loading"), sightings: /** @type {Sighting[]} */ ([]), next: /** @type {string | null} */ (null), failure: /** @type {unknown} */ (null) });
  const latest = useRef(0);
  const wanted = asked(filters, null).toString();
  const load = useCallback(
    async (/** @type {Sighting[]} */ before, /** @type {string | null} */ cursor, /** @type {boolean} */ keep = false) => {
      const mine = (latest.current += 1);
      setFound((shown) => ({ state: cursor ? "more" : "loading", sightings: keep ? shown.sightings : before, next: keep ? shown.next : cursor, failure: null }));
      try {
        const page = await ask(`gallery/sightings?${asked(filters, cursor)}`);
        if (latest.current !== mine) return;
        const known = new Set(before.map(({ id }) => id));
        setFound({ state: "there", sightings: [...before, ...page.sightings.filter((/** @type {Sighting} */ each) => !known.has(each.id))], next: page.next ?? null, failure: null });
      } catch (failure) {
        if (latest.current !== mine) return;
        setFound({ state: "failed", sightings: before, next: cursor, failure });
        refused(failure);
      }
    },
    [wanted],
  );
  const shown = useRef("");
  useEffect(() => {
    // What was erased goes when the others are there again; other filters show nothing of the ones before.
    void load([], null, shown.current === wanted);
    shown.current = wanted;
  }, [wanted, version]);
  return { ...found, more: () => load(found.sightings, found.next), again: () => load(found.sightings, found.next) };
}

/**
 * How many sightings the filters leave; none where the server doesn't count by them.
 * @param {Filters} filters
 * @param {number} version
 */
export function useTotal(filters, version) {
  const [total, setTotal] = useState(/** @type {number | null} */ (null));
  const countable = !filters.track && !filters.identity;
  useEffect(() => {
    setTotal(null);
    if (!countable) return undefined;
    let gone = false;
    counts("day", filters).then(
      (counted) => {
        const timed = counted.flatMap(({ buckets }) => buckets).reduce((sum, { sightings }) => sum + sightings, 0);
        const untimed = filters.since || filters.until ? 0 : counted.reduce((sum, each) => sum + each.untimed, 0);
        if (!gone) setTotal(timed + untimed);
      },
      () => {},
    );
    return () => {
      gone = true;
    };
  }, [countable, filters.since, filters.until, filters.cameras.join("\n"), version]);
  return total;
}
