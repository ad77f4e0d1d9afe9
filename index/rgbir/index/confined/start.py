"""Starts the process that reads a file of others, waits for it, and says in words how it ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rgbir.index.confined import child
from rgbir.index.errors import Unreadable

LAST = 4_096
"""Bytes of what the process printed that are looked at."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading a file may take.

    Attributes:
        memory: bytes beside four times the file's own.
        seconds: of processor time, and of waiting.
        written: bytes of each file that the process writes; None is as many as it may have of memory.
    """

    memory: int = 1 << 30
    seconds: int = 300
    written: int | None = None


@contextmanager
def read_apart(reader: str, file: Path, limits: Limits, more: Sequence[str] = ()) -> Iterator[Path]:
    """The folder into which a process of its own wrote what a file holds; it is deleted behind the block.

    Args:
        reader: the module that reads the file, as `rgbir.index.confined.child` says.
        more: further arguments of the module's `answer`.

    Raises:
        Unreadable: the reader failed, crashed, or took more than the limits.
    """
    memory = limits.memory + 4 * file.stat().st_size
    written = memory if limits.written is None else limits.written
    with tempfile.TemporaryDirectory(prefix="rgbir-read-") as name:
        folder = Path(name)
        numbers = [str(number) for number in (memory, written, limits.seconds)]
        command = [sys.executable, "-P", child.__file__, reader, str(file.resolve()), name, *numbers, *more]
        printed = folder / "printed"
        try:
            with printed.open("wb") as output:
                done = subprocess.run(
                    command,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    timeout=limits.seconds,
                    check=False,
                )
        except subprocess.TimeoutExpired:
            raise Unreadable(f"it took longer than {limits.seconds} seconds") from None
        if (folder / "error.json").is_file():
            kind, text = json.loads((folder / "error.json").read_text(encoding="utf-8"))
            raise Unreadable(_in_words(kind, text, memory), kind, text, memory)
        if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            raise Unreadable(f"it took longer than {limits.seconds} seconds of processor time, or was killed")
        if done.returncode:
            raise Unreadable(f"the process that read it {_ending(done.returncode)}: {_last(printed)}")
        yield folder


def _environment() -> dict[str, str]:
    """Without our own variables, such as keys; one thread; and where this process finds its modules."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RGBIR_")}
    paths = os.pathsep.join(path for path in sys.path if path)
    quiet = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
    return {**inherited, **quiet, "PYTHONPATH": paths}


def _ending(code: int) -> str:
    return f"ended with {code}" if code > 0 else f"crashed ({signal.Signals(-code).name})"


def _last(printed: Path) -> str:
    with printed.open("rb") as output:
        output.seek(max(0, printed.stat().st_size - LAST))
        lines = output.read().decode(errors="replace").strip().splitlines()
    return "".join(filter(str.isprintable, lines[-1]))[:400] if lines else "it printed nothing"


def _in_words(kind: str, text: str, memory: int) -> str:
    if kind in ("MemoryError", "ArrowMemoryError") or "bad_alloc" in text or "allocat" in text:
        return f"it takes more memory than {memory / 2**30:.1f} GiB, which is what a file of its size may take"
    if kind == "OSError" and "File too large" in text:
        return "it unfolds to more than a file of its size may"
    return text if kind == "UsageError" else f"{kind}: {text}"
