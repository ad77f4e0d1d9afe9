/** Modules that come when they are wanted. */

import { html, useEffect, useState } from "../core/html.js";
import { useApp, watch } from "./state.js";

/** @typedef {() => Promise<{ default: any }>} Load the same function for the same module */

/**
 * @param {Load | null | undefined} load nothing is fetched where it is none
 * @returns {any} the component; null until it is there. What couldn't be fetched is, once the server is back.
 */
export function useLater(load) {
  const away = useApp((state) => state.away);
  const [came, setCame] = useState({ load: /** @type {Load | null} */ (null), Component: /** @type {any} */ (null) });
  const there = came.load === load;
  useEffect(() => {
    if (!load || there) return undefined;
    let gone = false;
    load().then((module) => gone || setCame({ load, Component: module.default }), watch);
    return () => {
      gone = true;
    };
  }, [load, there, away]);
  return there ? came.Component : null;
}

/** A component of a module to come, with its properties. @param {{ load: Load, meanwhile?: unknown, [property: string]: unknown }} props */
export function Later({ load, meanwhile = null, ...properties }) {
  const Loaded = useLater(load);
  return Loaded ? html`<${Loaded} ...${properties} />` : meanwhile;
}
