"""The process in which a file of others is read. `start.py` starts it and takes its answer.

`python child.py READER FILE FOLDER MEMORY WRITTEN SECONDS …` imports the module READER, sets the limits,
and calls the module's `answer(file, folder, …)`, which writes into the folder. If that fails, `error.json` says why. A
reader that imports more by its arguments does that in `ready(…)`, before the limits.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
from pathlib import Path

MOST_TEXT = 2_000
"""Characters of an error's text that are kept."""


def limit(memory: int, written: int, seconds: int) -> None:
    """Allows this process so many bytes beside what it has, so many in each file it writes, and so many seconds of processor."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    space = pages * resource.getpagesize() + memory
    for kind, most in (
        (resource.RLIMIT_AS, space),
        (resource.RLIMIT_FSIZE, written),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)  # nobody but root may raise it
        resource.setrlimit(kind, (allowed, allowed))


def main(reader: str, file: Path, folder: Path, memory: int, written: int, seconds: int, more: list[str]) -> None:
    """Reads the file within the limits, and writes either what it holds or why it can't be read."""
    module = importlib.import_module(reader)
    if hasattr(module, "ready"):
        module.ready(*more)
    limit(memory, written, seconds)
    try:
        module.answer(file, folder, *more)
    except Exception as error:  # libraries raise many kinds on a foreign file
        reason = [type(error).__name__, str(error)[:MOST_TEXT]]
        (folder / "error.json").write_text(json.dumps(reason), encoding="utf-8")


if __name__ == "__main__":
    _, name, path, place, space, size, time, *rest = sys.argv
    main(name, Path(path), Path(place), int(space), int(size), int(time), rest)
