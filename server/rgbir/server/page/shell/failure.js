/** Why something failed, in words: the one place that knows. */

import { Refusal } from "../core/api.js";
import { t } from "../core/words.js";
import { store } from "./state.js";

/**
 * A sentence of ours where the server said nothing, else its own. What a key may not do begins with the key's role.
 * @param {unknown} failure
 */
export function whyNot(failure) {
  if (!(failure instanceof Refusal)) return t("trouble.page.plain", { detail: failure instanceof Error ? failure.message : String(failure) });
  const { status, message } = failure;
  if (status === 0) return t("trouble.away");
  if (status === 401) return t("signin.wrong");
  const words = message || t([502, 503, 504].includes(status) ? "trouble.gateway" : "trouble.silent", { status: String(status) });
  const role = store.get().me?.role;
  return status === 403 && role ? `${t("may.not", { role: t(`role.${role}`) })} ${message}`.trim() : words;
}
