/** The query's pictures, as Compare shows them: shots of this tab, or the sighting that was searched like. */

import { ask, request } from "../core/api.js";
import { t } from "../core/words.js";
import { addShots, change, question } from "../search/actions.js";
import { useApp } from "../shell/state.js";

/** @typedef {import("./pane.js").Source} Source */
/** @typedef {{ id: string, camera: string, taken_at?: string | null, image?: string | null }} Sighting */

/** @param {string} id */
const sightingAt = (id) => `gallery/sightings/${encodeURIComponent(id)}`;

/** @param {string} like a sighting's id, or "" @returns {Source[]} */
export function useSources(like) {
  const shots = useApp((state) => state.shots);
  if (like) return [{ key: `like ${like}`, alt: t("shots.like", { id: like }), path: `${sightingAt(like)}/image` }];
  return shots.map((shot, place) => ({
    key: `${shot.id} ${shot.box ?? ""}`,
    alt: t("shots.shot", { i: place + 1 }),
    url: shot.url,
    box: shot.box,
    ...(shot.shows ? {} : { gone: `${t("shots.unseen")}: ${shot.name}` }),
  }));
}

/**
 * Fetches a hit's picture and adds it to the query's shots. A query that had a sighting in place of pictures has that one's
 * picture from then on.
 * @param {Sighting} hit
 */
export async function addAsShot(hit) {
  const { like } = question();
  const files = [];
  if (like) {
    /** @type {Sighting} */
    const liked = await ask(sightingAt(like));
    files.push(await fileOf(liked));
    change({ like: "", camera: liked.camera, modality: "", at: liked.taken_at ?? "" });
  }
  files.push(await fileOf(hit));
  addShots(files);
}

/** @param {Sighting} sighting */
async function fileOf(sighting) {
  const blob = await (await request(sighting.image ?? `${sightingAt(sighting.id)}/image`)).blob();
  return new File([blob], `${sighting.camera}_${sighting.id}.${blob.type === "image/png" ? "png" : "jpg"}`, { type: blob.type || "image/jpeg" });
}
