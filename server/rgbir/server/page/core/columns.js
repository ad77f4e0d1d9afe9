/** How many columns a grid of CSS has now, so that rows and keys follow what is seen. */

import { useLayoutEffect, useRef, useState } from "./html.js";

/**
 * @param {unknown} of counted anew where this changes
 * @returns {{ grid: { current: HTMLDivElement | null }, columns: number }}
 */
export function useColumns(of) {
  const [columns, setColumns] = useState(1);
  const grid = useRef(/** @type {HTMLDivElement | null} */ (null));
  useLayoutEffect(() => {
    const element = grid.current;
    if (!element) return undefined;
    const measure = () => setColumns(getComputedStyle(element).gridTemplateColumns.split(" ").length || 1);
    measure();
    const watcher = new ResizeObserver(measure);
    watcher.observe(element);
    return () => watcher.disconnect();
  }, [of]);
  return { grid, columns };
}
