"""Media as sites have them: closed, and full. A test that may not mount is skipped, and says so."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _mount(*words: str | Path) -> None:
    process = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True, check=False)
    if process.returncode:
        pytest.skip(f"this process may not mount: {process.stderr.strip()}")


@contextmanager
def read_only(folder: Path, at: Path) -> Iterator[Path]:
    """The folder, seen at another place where nothing can be written."""
    at.mkdir(exist_ok=True)
    _mount("--bind", folder, at)
    try:
        _mount("-o", "remount,ro,bind", at)
        yield at
    finally:
        subprocess.run(["umount", "-l", at], check=True)


@contextmanager
def disk(at: Path, mebibytes: int) -> Iterator[Path]:
    """A small disk of its own, in memory."""
    at.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", at)
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", at], check=True)


def fill(folder: Path) -> Path:
    """A file that leaves no room on the folder's disk."""
    file = folder / "filler"
    with file.open("wb", buffering=0) as filler:
        for size in (1 << 20, 4096, 512, 1):
            try:
                while filler.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue
    return file
