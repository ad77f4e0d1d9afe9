/** When the query was taken: as the question says, or the sighting that it is like. */

import { ask } from "../core/api.js";
import { onForget } from "../core/forget.js";
import { useEffect, useState } from "../core/html.js";
import { refused } from "../shell/state.js";

/** The last sighting that was asked about: three views want to know. @type {{ like: string, taken: Promise<string> } | null} */
let known = null;
onForget(() => (known = null));

/** @param {string} like @returns {Promise<string>} ISO 8601, or "" where it has no time or is gone */
function takenOf(like) {
  if (known?.like === like) return known.taken;
  const taken = ask(`gallery/sightings/${encodeURIComponent(like)}`).then(
    (sighting) => /** @type {string} */ (sighting.taken_at ?? ""),
    (error) => {
      known = null;
      refused(error);
      return "";
    },
  );
  known = { like, taken };
  return taken;
}

/**
 * @param {{ like: string, at: string } | null | undefined} question
 * @returns {string} ISO 8601, or "" as far as nobody said
 */
export function useTaken(question) {
  const [found, setFound] = useState({ like: "", taken: "" });
  const like = question?.like ?? "";
  useEffect(() => {
    if (!like) return undefined;
    let gone = false;
    void takenOf(like).then((taken) => gone || setFound({ like, taken }));
    return () => {
      gone = true;
    };
  }, [like]);
  if (like) return found.like === like ? found.taken : "";
  return question?.at ?? "";
}
