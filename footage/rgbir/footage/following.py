"""A folder into which a recorder puts one film after the other: each is worked through once it is closed, in the order of names.

Nobody tells when a film is closed. It is when it hasn't changed for some time; or for two seconds, once the recorder has begun the next. A
film that changes afterwards is worked through again, and who was enrolled of it stays.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from rgbir.footage.formats import SUFFIXES
from rgbir.index import add_lines, replace_file

SURE_S = 2.0
"""Seconds without a change after which a film is closed, if a later one is there."""
LOOK_S = 1.0
MODE = 0o600


class State(NamedTuple):
    """What shows that a film has changed.

    Attributes:
        size: bytes.
        changed: when it was, nanoseconds since 1970.
    """

    size: int
    changed: int

    @classmethod
    def of(cls, file: Path) -> State | None:
        """None where it is gone."""
        try:
            status = file.stat()
        except OSError:
            return None
        return cls(status.st_size, status.st_mtime_ns)


class Follower:
    """Gives the films of a folder, each once, when it is closed.

    Args:
        folder: with all folders in it.
        closed_after: seconds without a change after which the latest film is closed, too.
        notes: which films are done with; a file, which is made when it is needed. None keeps no notes.
        only: one film of the folder, if only that is wanted.
        steady: seconds since whenever.
    """

    def __init__(
        self,
        folder: Path,
        closed_after: float,
        notes: Path | None = None,
        only: Path | None = None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._closed_after, self._notes, self._only = folder, closed_after, notes, only
        self._steady = steady
        self._seen: dict[Path, tuple[State, float]] = {}
        self._done: dict[str, State] = {}
        if notes is not None:
            self._read(notes)

    def closed(self) -> Iterator[Path]:
        """The films that are closed by now and not done with, in the order of names, up to the first that is still being written."""
        films = [self._only] if self._only is not None else sorted(self._folder.rglob("*"))
        films = [file for file in films if file.suffix.lower() in SUFFIXES and file.is_file()]
        now, seen = self._steady(), self._seen
        self._seen = {}
        for file in films:
            state = State.of(file)
            if state is not None:
                since = seen[file][1] if file in seen and seen[file][0] == state else now
                self._seen[file] = state, since
        for file in films:
            if file not in self._seen:
                continue
            state, since = self._seen[file]
            if self._done.get(self._name(file)) == state:
                continue
            patience = self._closed_after if file == films[-1] else min(SURE_S, self._closed_after)
            if now - since < patience:
                return
            yield file

    def settle(self, file: Path) -> None:
        """Notes that a film is done with, as it was when it was given; once this returns, that is on disk."""
        state = self._seen[file][0]
        self._done[self._name(file)] = state
        if self._notes is not None:
            self._notes.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            add_lines(self._notes, [self._line(self._name(file), state)], _is_whole, MODE)

    def _name(self, file: Path) -> str:
        return os.fsdecode(file.relative_to(self._folder))

    def _line(self, name: str, state: State) -> bytes:
        return json.dumps({"name": name, "size": state.size, "changed": state.changed}).encode()

    def _read(self, notes: Path) -> None:
        """Takes the notes in, and forgets films that aren't there any more."""
        if not notes.exists():
            return
        for line in notes.read_bytes().split(b"\n"):
            if line and _is_whole(line):
                note = json.loads(line)
                if (self._folder / note["name"]).exists():
                    self._done[note["name"]] = State(note["size"], note["changed"])
        lines = [self._line(name, state) + b"\n" for name, state in self._done.items()]
        replace_file(notes, b"".join(lines).decode(), mode=MODE)


def _is_whole(line: bytes) -> bool:
    """Half a line is what a crash left."""
    try:
        note = json.loads(line)
    except ValueError:
        return False
    return isinstance(note, dict) and {"name", "size", "changed"} <= note.keys()
