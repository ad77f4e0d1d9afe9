"""Is the gallery on disk still the one that was opened? Files can be replaced, moved and deleted under a process."""

from __future__ import annotations

import os
from pathlib import Path

from rgbir.index.errors import GalleryMoved
from rgbir.index.files import state_of

FILE = "gallery.sqlite3"
RESERVE, RESERVED = "reserve", 4 << 20
"""A file whose bytes an erasure gives up on a full disk."""


def identity(file: Path) -> tuple[int, ...] | None:
    """Its device and inode; None where there is no file."""
    state = state_of(file)
    return None if state is None else state[:2]


def journal(folder: Path) -> Path:
    """Where SQLite keeps it: beside the real file, where that is linked to."""
    return _beside(folder, "wal")


def _beside(folder: Path, what: str) -> Path:
    real = (folder / FILE).resolve()
    return real.with_name(f"{real.name}-{what}")


def leftovers(folder: Path) -> list[str]:
    """Names of what a gallery left that was there; SQLite, or the next opening, would take them for those of a new one."""
    left = [folder / f"{FILE}-{what}" for what in ("wal", "shm", "journal")] + [folder / "cache"]
    return [path.name for path in left if path.exists()]


class Place:
    """The files of an open gallery, as they were when it was opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = [folder / FILE, journal(folder), _beside(folder, "shm")]
        self._opened = [identity(file) for file in self._files]

    def check(self) -> tuple[int, ...] | None:
        """Compares them: what isn't there any more can't be written to, and what is there now was never opened.

        Returns:
            The state of the gallery's file, by `state_of`.

        Raises:
            GalleryMoved: one is another file, or none.
        """
        states = [state_of(file) for file in self._files]
        for file, state, opened in zip(self._files, states, self._opened, strict=True):
            if opened is not None and (state is None or state[:2] != opened):
                raise GalleryMoved(
                    f"{file} was replaced, moved or deleted while the gallery was open; nothing is answered or written until"
                    " it is opened again: restart what has it open, or put the file back"
                )
        return states[0]


def writable(folder: Path) -> bool:
    """Whether the gallery's file, and a journal beside it, can be written."""
    return os.access(folder, os.W_OK) and os.access((folder / FILE).resolve().parent, os.W_OK)
