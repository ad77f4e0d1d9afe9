/** Files that are dropped or pasted anywhere in the window. They go to the view that takes them; without one nothing happens. */

import { useEffect, useRef, useState } from "./html.js";

/** @typedef {{ take: (files: FileList, transfer: DataTransfer) => void, over: (over: boolean) => void }} Taker */

/** The last one that came takes them. @type {Taker[]} */
const takers = [];
const taker = () => takers.at(-1);

/** Listens for the whole window. A browser would show a file that is dropped beside a field, and the page would be gone. */
export function listenForFiles() {
  const files = (/** @type {DragEvent} */ event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    taker()?.over(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget === null && taker()?.over(false));
  document.addEventListener("drop", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    taker()?.over(false);
    if (event.dataTransfer) taker()?.take(event.dataTransfer.files, event.dataTransfer);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) taker()?.take(event.clipboardData.files, event.clipboardData);
  });
}

/**
 * @param {Taker["take"]} take
 * @returns {boolean} whether files are held over the window
 */
export function useFiles(take) {
  const [over, setOver] = useState(false);
  const latest = useRef(take);
  latest.current = take;
  useEffect(() => {
    const mine = { take: (/** @type {FileList} */ files, /** @type {DataTransfer} */ transfer) => latest.current(files, transfer), over: setOver };
    takers.push(mine);
    return () => void takers.splice(takers.indexOf(mine), 1);
  }, []);
  return over;
}
