/** Whether hits may be marked here: by whoever may work on cases, where there is room for the buttons. */

import { useEffect, useState } from "../core/html.js";
import { useApp } from "../shell/state.js";
import { mayWork } from "./model.js";
import { useCase } from "./state.js";

const ROOM = matchMedia("(min-width: 768px)");

export function useMarking() {
  const may = useApp((state) => /** @type {readonly string[]} */ (state.me?.rights ?? []).includes("cases"));
  const reads = useCase((state) => state.current !== null && !mayWork(state.current));
  const [room, setRoom] = useState(ROOM.matches);
  useEffect(() => {
    const look = () => setRoom(ROOM.matches);
    ROOM.addEventListener("change", look);
    return () => ROOM.removeEventListener("change", look);
  }, []);
  return may && !reads && room;
}
