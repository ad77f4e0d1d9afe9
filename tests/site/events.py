"""What happens to files at a site while a server has them open."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path


def deleted(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def moved(path: Path) -> None:
    path.rename(path.with_name(path.name + ".moved"))


def replaced(path: Path) -> None:
    """By a copy of itself: the same content in another file."""
    copy = path.with_name(path.name + ".copy")
    if path.is_dir():
        shutil.copytree(path, copy)
        path.rename(path.with_name(path.name + ".moved"))
    else:
        shutil.copy2(path, copy)
    copy.rename(path)


def emptied(path: Path) -> None:
    """In place, as `copytruncate` does."""
    if path.is_dir():
        for entry in path.iterdir():
            deleted(entry)
    else:
        os.truncate(path, 0)


def scribbled(path: Path) -> None:
    """Rubbish after the end, as a crash leaves it."""
    if path.is_file():
        with path.open("ab") as file:
            file.write(b"\0\xff{" * 30_000)


EVENTS: dict[str, Callable[[Path], None]] = {
    "deleted": deleted,
    "moved": moved,
    "replaced": replaced,
    "emptied": emptied,
    "scribbled": scribbled,
}
