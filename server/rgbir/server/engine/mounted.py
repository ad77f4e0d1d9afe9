"""Folders of recordings that a server may play: their films by the sums of their content, in an index that is kept in a file."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from rgbir.index import replace_file, sha256

_log = logging.getLogger(__name__)
SAVED_AFTER = 20
"""Films that are summed before the index is written in between."""


class _Entry(BaseModel):
    """A film as it was when it was summed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    changed_ns: int
    sha256: str


class _Index(BaseModel):
    """By path; complete once all films were summed."""

    model_config = ConfigDict(extra="forbid")

    films: dict[str, _Entry] = {}
    complete: bool = False


class MountedFilms:
    """Films in folders. A film that changed is summed again; links are not followed.

    Args:
        folders: which are read only.
        file: where the index is kept between two starts.
    """

    def __init__(self, folders: Sequence[Path], file: Path) -> None:
        self.folders, self.file = folders, file
        self._take(self._read())
        self.complete = False
        """Whether all films were summed as of the last round."""

    def _read(self) -> _Index:
        try:
            return _Index.model_validate_json(self.file.read_bytes())
        except (OSError, ValidationError):
            return _Index()

    def read_again(self) -> None:
        """Takes the index that another process renews."""
        self._take(self._read())
        self.complete = self._index.complete

    def _take(self, index: _Index) -> None:
        paths: dict[str, list[str]] = {}
        for path, entry in index.films.items():
            paths.setdefault(entry.sha256, []).append(path)
        self._index, self._by_sum = index, paths

    def renew(self, suffixes: Collection[str], stopped: threading.Event) -> int:
        """Looks what is there now; returns how many films were summed.

        Args:
            suffixes: how the names of films end.
        """
        before, films, summed = self._index.films, dict[str, _Entry](), 0
        for path in self._paths(suffixes):
            if stopped.is_set():
                return summed
            try:
                known, state = before.get(str(path)), path.stat()
                if known is None or (known.size, known.changed_ns) != (state.st_size, state.st_mtime_ns):
                    known = _Entry(size=state.st_size, changed_ns=state.st_mtime_ns, sha256=sha256(path))
                    summed += 1
                films[str(path)] = known
            except OSError as error:
                _log.warning("%s: %s", path, error.strerror)
                continue
            if summed and summed % SAVED_AFTER == 0:
                self._save(before | films)
        changed = films != before or not self._index.complete
        self._take(_Index(films=films, complete=True))
        self.complete = True
        if changed:
            self._save(films, complete=True)
        return summed

    def _paths(self, suffixes: Collection[str]) -> Iterator[Path]:
        for folder in self.folders:
            for there, _, names in sorted(os.walk(folder)):
                for name in sorted(names):
                    path = Path(there, name)
                    if path.suffix.lower() in suffixes and not path.is_symlink() and path.is_file():
                        yield path

    def _save(self, films: dict[str, _Entry], complete: bool = False) -> None:
        self._take(_Index(films=films, complete=complete))
        try:
            replace_file(self.file, self._index.model_dump_json(), mode=0o600)
        except OSError as error:
            _log.warning("%s: the index of films isn't kept: %s", self.file, error.strerror)

    def find(self, digest: str) -> Path | None:
        """The film of that sha256, if it is there as it was summed."""
        films = self._index.films
        for name in self._by_sum.get(digest, ()):
            try:
                state, entry = os.stat(name), films[name]
            except (OSError, KeyError):  # gone, or looked at anew just now
                continue
            if (state.st_size, state.st_mtime_ns) == (entry.size, entry.changed_ns):
                return Path(name)
        return None
