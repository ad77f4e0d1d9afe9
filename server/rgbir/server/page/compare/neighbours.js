/** What the same camera took just before and after a hit, of its track. */

import { ask } from "../core/api.js";
import { useEffect, useState } from "../core/html.js";

/** @typedef {{ id: string, camera: string, source?: string, taken_at?: string | null, track?: string | null, image?: string | null, recording?: string | null }} Sighting */
/** @typedef {{ before: Sighting[], after: Sighting[] }} Neighbours */

const NEAR = 12;
const MOST = 100;

/**
 * @param {string} id of the hit
 * @returns {{ state: "loading" | "there" | "gone" | "failed", neighbours: Neighbours | null, limit: number, more: () => void }}
 */
export function useNeighbours(id) {
  const [limit, setLimit] = useState({ id, limit: NEAR });
  const wanted = limit.id === id ? limit.limit : NEAR;
  const [found, setFound] = useState({ id: "", limit: 0, state: /** @type {"there" | "gone" | "failed"} */ ("there"), neighbours: /** @type {Neighbours | null} */ (null) });
  useEffect(() => {
    const stop = new AbortController();
    ask(`gallery/sightings/${encodeURIComponent(id)}/neighbours?limit=${wanted}`, { signal: stop.signal }).then(
      (neighbours) => setFound({ id, limit: wanted, state: "there", neighbours }),
      (error) => error.name !== "AbortError" && setFound({ id, limit: wanted, state: error.status === 404 ? "gone" : "failed", neighbours: null }),
    );
    return () => stop.abort();
  }, [id, wanted]);
  const there = found.id === id;
  return {
    state: there ? found.state : "loading",
    neighbours: there ? found.neighbours : null,
    limit: there ? found.limit : wanted,
    more: () => {
      const full = there && found.neighbours && Math.max(found.neighbours.before.length, found.neighbours.after.length) >= found.limit;
      if (full && wanted < MOST) setLimit({ id, limit: MOST });
    },
  };
}
