"""A part of the figures, measured in a process of its own: neither a crash nor a hang takes the other parts' figures.

FAISS ends the process at some errors, a compiler may take minutes, and memory of the device is free again once the process is gone.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from rgbir.export.bench.settings import Figures, Settings, Steps

_log = logging.getLogger(__name__)


def measured(module: str, settings: Settings, limit_s: float) -> Figures:
    """The figures of a module's `steps(settings)`; a step without figures has words in their place.

    Args:
        module: to import, with a function `steps`.
        limit_s: seconds after which the process is ended.
    """
    name = module.rpartition(".")[2]
    written, errors = (Path(settings.scratch) / f"{name}.{end}" for end in ("jsonl", "err"))
    command = [sys.executable, "-m", __name__, module, json.dumps(dataclasses.asdict(settings)), str(written)]
    with errors.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            code = process.wait(max(limit_s, 0))
            end = f"its process ended with {code}"
        except subprocess.TimeoutExpired:
            code, end = None, f"stopped after {limit_s:.0f} s, since no more time was left"
        finally:
            _end(process)
    words = errors.read_text(encoding="utf-8", errors="replace").strip()
    _log.info("%s: %s", name, words)
    if code and words:
        end += f": {words.splitlines()[-1]}"
    lines = [json.loads(line) for line in written.read_text(encoding="utf-8").splitlines()] if written.exists() else []
    planned, results = (lines[0], lines[1:]) if lines else ([name], [])
    figures: Figures = {}
    for result in results:
        figures |= result["figures"]
    missing = planned[len(results) :]
    for number, step in enumerate(missing):
        figures[step] = f"not measured: {end if number == 0 else f'after {missing[0]}, which ended the process'}"
    return figures


def _end(process: subprocess.Popen[bytes]) -> None:
    """The process, and those that it started, such as compilers."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _measure(steps: Steps, written: Path) -> None:
    """A line with all names, then one for each step as soon as it is measured."""
    with written.open("w", encoding="utf-8", buffering=1) as file:
        file.write(json.dumps(list(steps)) + "\n")
        for name, step in steps.items():
            try:
                figures = step()
            except Exception as error:  # whatever a library raises takes this step's figures only
                words = str(error).strip() or type(error).__name__
                figures = {name: f"not measured: {words.splitlines()[0]}"}
            file.write(json.dumps({"figures": figures}) + "\n")


def _main(module: str, settings: str, written: str) -> None:
    given = json.loads(settings)
    steps = importlib.import_module(module).steps(Settings(**{**given, "rows": tuple(given["rows"])}))
    _measure(steps, Path(written))


if __name__ == "__main__":
    _main(*sys.argv[1:])
