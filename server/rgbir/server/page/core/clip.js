/** The seconds around a sighting, played where the server has its recording; where it hasn't, words say so. */

import { ask, Refusal, request } from "./api.js";
import { isFilmed } from "./filmed.js";
import { html, useEffect, useState } from "./html.js";
import { Icon } from "./icons.js";
import { t } from "./words.js";

/** @param {{ id: string, source: string | null | undefined }} props */
export function Clip({ id, source }) {
  const filmed = isFilmed(source);
  const [there, setThere] = useState(/** @type {boolean | null} */ (null));
  const [url, setUrl] = useState("");
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    setThere(null);
    setTrouble("");
    setUrl("");
    let left = false;
    if (filmed)
      ask(`gallery/sightings/${encodeURIComponent(id)}`).then(
        (sighting) => left || setThere(Boolean(sighting.clip)),
        () => {},
      );
    return () => void (left = true);
  }, [id, filmed]);
  useEffect(() => () => url && URL.revokeObjectURL(url), [url]);
  if (!filmed || there === null) return null;
  if (!there) return html`<p class="note">${t("clip.none")}</p>`;
  const play = async () => {
    setBusy(true);
    setTrouble("");
    try {
      const answer = await request(`gallery/sightings/${encodeURIComponent(id)}/clip`);
      setUrl(URL.createObjectURL(await answer.blob()));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      setTrouble(error.message || t("clip.none"));
    }
    setBusy(false);
  };
  return html`<div class="clip">
    ${url
      ? html`<video src=${url} controls autoplay muted playsinline aria-label=${t("clip.label")} onError=${() => setTrouble(t("clip.unplayed"))}></video>`
      : html`<p class="buttons"><button type="button" aria-busy=${busy} disabled=${busy} onClick=${play}><${Icon} name="play" size=${16} /> ${t("clip.play")}</button></p>`}
    ${trouble && html`<p class="problem" role="alert">${trouble}</p>`}
  </div>`;
}
