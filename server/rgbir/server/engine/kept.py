"""Films that are kept after their people were enrolled, so that the seconds around a hit can be played."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from rgbir.index import replace_file, sync_file, sync_folder
from rgbir.server.engine.work import Film
from rgbir.server.errors import CantWrite

_log = logging.getLogger(__name__)
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")


class Kept(BaseModel):
    """What lies beside a film that is kept.

    Attributes:
        film: its file's name.
        name: as whoever sent it called it.
        camera: the id of the camera that recorded it.
        last: when its last frame was taken; when it was kept where nobody knows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    film: str
    name: str
    camera: str
    last: AwareDatetime


class KeptFilms:
    """A folder of films, each named by its sha256; only this account may read them.

    Raises:
        CantWrite: the folder can't be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise CantWrite(f"{folder}: films can't be kept there: {error.strerror}") from error

    def keep(self, file: Path, film: Film) -> None:
        """Keeps a film; the file that it came in may be gone then.

        Raises:
            CantWrite: it can't be kept, and nothing is left of it.
        """
        suffix = Path(film.name).suffix.lower()
        kept = self.folder / f"{film.sha256}{suffix if _SUFFIX.fullmatch(suffix) else '.film'}"
        unfinished = kept.with_name(f"{film.sha256}.new")
        last = film.last or datetime.now(UTC)
        note = Kept(film=kept.name, name=film.name, camera=film.camera, last=last)
        try:
            if (before := self.find(film.sha256)) is not None and before != kept:
                self._forget(film.sha256)
            try:
                os.link(file, unfinished)
            except OSError:  # another file system
                shutil.copyfile(file, unfinished)
                sync_file(unfinished)
            unfinished.chmod(0o600)
            replace_file(self._note(film.sha256), note.model_dump_json(), mode=0o600)
            unfinished.replace(kept)
            sync_folder(self.folder)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise CantWrite(
                f"{self.folder}: the film can't be kept: {error.strerror}; its people are enrolled"
            ) from error

    def find(self, sha256: str) -> Path | None:
        """The film of that digest, if it is kept."""
        note = self._read(self._note(sha256))
        return None if note is None or not (self.folder / note.film).is_file() else self.folder / note.film

    def expire(self, days: int | None, tell: Callable[[list[str]], None] | None = None) -> int:
        """Deletes films whose last frame is older than so many days, and what a crash left half written; returns how many films.

        Args:
            days: for which the gallery keeps people; None is for ever.
            tell: what is done before any goes, with the digests of those that are due.
        """
        yesterday = datetime.now(UTC) - timedelta(days=1)
        for unfinished in self.folder.glob("*.new"):
            if unfinished.stat().st_mtime < yesterday.timestamp():
                unfinished.unlink(missing_ok=True)
        if days is None:
            return 0
        before, due = datetime.now(UTC) - timedelta(days=days), list[str]()
        for file in sorted(self.folder.glob("*.json")):
            note = self._read(file)
            if note is None or note.last < before:
                due.append(file.stem)
        if tell is not None and due:
            tell(due)
        for digest in due:
            self._forget(digest)
        return len(due)

    def _note(self, sha256: str) -> Path:
        return self.folder / f"{sha256}.json"

    @staticmethod
    def _read(note: Path) -> Kept | None:
        try:
            return Kept.model_validate_json(note.read_bytes())
        except (OSError, ValidationError):
            return None

    def _forget(self, sha256: str) -> None:
        """The film goes before its note, so that no film is left that nobody looks after."""
        for file in self.folder.glob(f"{sha256}.*"):
            if file.suffix != ".json":
                file.unlink(missing_ok=True)
        self._note(sha256).unlink(missing_ok=True)
