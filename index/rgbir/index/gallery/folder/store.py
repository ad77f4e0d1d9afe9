"""The truth: sightings and embeddings in one SQLite file, changed in transactions."""

from __future__ import annotations

import json
import logging
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import GalleryCorrupt, GalleryError, GalleryMissing
from rgbir.index.files import sync_folder
from rgbir.index.gallery.folder.connection import Connection
from rgbir.index.gallery.folder.schema import FORMAT, MIGRATIONS, SCHEMA, readable
from rgbir.index.gallery.sightings import Crop, NewSighting, Sighting
from rgbir.index.nearest.rows import Changes, Mark, Vector
from rgbir.index.times import from_microseconds, to_microseconds

FILE = "gallery.sqlite3"
_log = logging.getLogger(__name__)


class Store:
    """One connection to a gallery's file. Not for several threads at once.

    Raises:
        GalleryMissing: no such file.
        GalleryCorrupt: not a gallery's file.
        GalleryError: of another format, or the disk refuses.
    """

    def __init__(self, folder: Path) -> None:
        file = folder / FILE
        if not file.is_file():
            raise GalleryMissing(
                f"{folder} is not a gallery: no {FILE}; make one with `rgbir index add … --gallery {folder}`"
            )
        self.folder = folder
        self.connection = self._connect(file)
        found = self._migrated()
        if found not in readable():
            self.close()
            raise GalleryError(f"{file} has format {found}; this version reads formats 1 to {FORMAT}: update rgbir")
        meta = self.meta()
        self.dimension, self.dtype = int(meta["dimension"]), np.dtype(meta.get("storage", "float32")).newbyteorder("<")

    @classmethod
    def create(cls, folder: Path, meta: dict[str, str]) -> Store:
        """A new, empty store; `meta` holds at least `dimension`."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / FILE
        unfinished = file.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        connection = Connection.open(unfinished)
        try:
            connection.executescript(f"BEGIN;{SCHEMA}")
            entries = {**meta, "format": str(FORMAT), "generation": "0"}
            connection.executemany("INSERT INTO meta VALUES (?, ?)", entries.items())
            connection.execute("COMMIT")
        finally:
            connection.close()
        unfinished.rename(file)
        sync_folder(folder)
        return cls(folder)

    @staticmethod
    def _connect(file: Path) -> Connection:
        if not writable(file.parent):
            return _frozen(file)
        connection = Connection.open(file, timeout=30)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # what was acknowledged survives a power cut, too
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")  # what is removed is overwritten
            connection.execute("SELECT key FROM meta LIMIT 1")
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrated(self) -> str:
        """The gallery's format, brought up to date where it can be written; each step happens as a whole or not at all."""
        found = self.meta().get("format", "")
        while found.isdecimal() and int(found) in MIGRATIONS and writable(self.folder):
            with self._transaction() as connection:
                now = connection.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()[0]
                if now == found:  # no other process was quicker
                    for step in MIGRATIONS[int(found)]:
                        connection.execute(step)
                    connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'format'")
            found = self.meta()["format"]
        return found

    def close(self) -> None:
        self.connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """A write that happens as a whole or not at all, and makes a new generation."""
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
        except GalleryError as error:
            raise type(error)(f"nothing was changed: {error}") from error

    # --- reading

    def meta(self) -> dict[str, str]:
        return dict(self.connection.execute("SELECT key, value FROM meta"))

    def data_version(self) -> int:
        """Changes when another connection has written."""
        return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    @contextmanager
    def changes_since(self, mark: Mark) -> Iterator[Changes]:
        """What came and went since the mark, as of one moment."""
        self.connection.execute("BEGIN")
        try:
            generation = int(self.meta()["generation"])
            removed = list(
                self.connection.execute(
                    "SELECT number, row, camera FROM removals WHERE number > ? ORDER BY number", (mark.last_removal,)
                )
            )
            last_row = self.connection.execute("SELECT coalesce(max(row), 0) FROM sightings").fetchone()[0]
            new_mark = Mark(generation, max(last_row, mark.last_row), removed[-1][0] if removed else mark.last_removal)
            yield Changes(new_mark, [(row, camera) for _, row, camera in removed], self.vectors(mark.last_row))
        finally:
            self.connection.execute("COMMIT")

    def vectors(self, after: int = 0, until: int | None = None, camera: str | None = None) -> Iterator[Vector]:
        """Rows in enrolment order, each compared with its checksum.

        Args:
            after, until: after < row ≤ until.
            camera: of this one only.

        Raises:
            GalleryCorrupt: a row is not what was written.
        """
        query = (
            "SELECT row, camera, taken_at, identity, embedding, checksum FROM sightings"
            " WHERE row > ? AND row <= ? AND (? IS NULL OR camera = ?) ORDER BY row"
        )
        last = np.iinfo(np.int64).max if until is None else until
        for row, seen_by, taken_at, identity, blob, checksum in self.connection.execute(
            query, (after, int(last), camera, camera)
        ):
            self._check(row, blob, checksum)
            yield Vector(row, seen_by, taken_at, identity, blob, self.dtype)

    def embeddings(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """float32 (n, d), in the order asked for.

        Raises:
            GalleryError: an id that isn't there.
        """
        out = np.empty((len(ids), self.dimension), np.float32)
        for place, wanted in enumerate(ids):
            found = self.connection.execute(
                "SELECT row, embedding, checksum FROM sightings WHERE id = ?", (wanted,)
            ).fetchone()
            if found is None:
                raise GalleryError(f"no sighting {wanted!r} in {self.folder}")
            self._check(*found)
            out[place] = np.frombuffer(found[1], self.dtype)
        return out

    def _check(self, row: int, blob: bytes, checksum: int) -> None:
        if len(blob) != self.dtype.itemsize * self.dimension or zlib.crc32(blob) != checksum:
            raise GalleryCorrupt(
                f"{self.folder}: the embedding of row {row} is not what was written; restore a backup, or `rgbir index verify` for the extent"
            )

    _COLUMNS = (
        "row, id, camera, source, digest, taken_at, identity, track,"
        " EXISTS (SELECT 1 FROM crops WHERE crops.row = sightings.row)"
    )

    def by_rows(self, rows: Sequence[int]) -> dict[int, Sighting]:
        marks = ",".join("?" * len(rows))
        found = self.connection.execute(f"SELECT {self._COLUMNS} FROM sightings WHERE row IN ({marks})", list(rows))
        return {sighting.row: sighting for sighting in map(_sighting, found)}

    def rows_of_track(self, track: str) -> NDArray[np.int64]:
        """Rows that belong to it, ascending."""
        found = self.connection.execute("SELECT row FROM sightings WHERE track = ? ORDER BY row", (track,))
        return np.array([row for (row,) in found], np.int64)

    def ids(self) -> dict[int, str]:
        """Every sighting's id by row."""
        return dict(self.connection.execute("SELECT row, id FROM sightings"))

    def get(self, wanted: str) -> Sighting | None:
        found = self.connection.execute(f"SELECT {self._COLUMNS} FROM sightings WHERE id = ?", (wanted,)).fetchone()
        return None if found is None else _sighting(found)

    def last(self) -> Sighting | None:
        query = f"SELECT {self._COLUMNS} FROM sightings ORDER BY row DESC LIMIT 1"
        found = self.connection.execute(query).fetchone()
        return None if found is None else _sighting(found)

    def all(self) -> Iterator[Sighting]:
        return map(_sighting, self.connection.execute(f"SELECT {self._COLUMNS} FROM sightings ORDER BY row"))

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those that are enrolled already."""
        one = "SELECT 1 FROM sightings WHERE id = ?"
        return {wanted for wanted in ids if self.connection.execute(one, (wanted,)).fetchone()}

    def crop(self, wanted: str) -> Crop | None:
        query = "SELECT media_type, data FROM crops JOIN sightings USING (row) WHERE id = ?"
        found = self.connection.execute(query, (wanted,)).fetchone()
        return None if found is None else Crop(*found)

    def counts(self) -> list[tuple[str, int, int, int | None, int | None]]:
        """(camera, sightings, identities, earliest, latest) by camera."""
        query = "SELECT camera, count(*), count(DISTINCT identity), min(taken_at), max(taken_at) FROM sightings GROUP BY camera ORDER BY camera"
        return list(self.connection.execute(query))

    def count_up_to(self, row: int) -> int:
        """Sightings whose row is not above that one."""
        query = "SELECT count(*) FROM sightings INDEXED BY sightings_camera WHERE row <= ?"
        return int(self.connection.execute(query, (row,)).fetchone()[0])

    def removed_since(self, number: int) -> set[tuple[int, str]]:
        """The (row, camera) of removals after that one."""
        return set(self.connection.execute("SELECT row, camera FROM removals WHERE number > ?", (number,)))

    def checksum(self, row: int, camera: str) -> int | None:
        """Of the embedding in that row; None if that camera has no such row."""
        query = "SELECT checksum FROM sightings WHERE row = ? AND camera = ?"
        found = self.connection.execute(query, (row, camera)).fetchone()
        return None if found is None else int(found[0])

    # --- writing

    def add(self, new: Sequence[tuple[NewSighting, NDArray[np.float32]]]) -> list[bool]:
        """Writes sightings with their prepared embeddings in one transaction; True where it was new."""
        written = []
        with self._transaction() as connection:
            for sighting, embedding in new:
                blob = embedding.astype(self.dtype).tobytes()
                moment = None if sighting.taken_at is None else to_microseconds(sighting.taken_at)
                row = (
                    sighting.id,
                    sighting.camera,
                    moment,
                    sighting.identity,
                    sighting.track,
                    sighting.source,
                    sighting.digest,
                    blob,
                    zlib.crc32(blob),
                )
                cursor = connection.execute(
                    "INSERT INTO sightings (id, camera, taken_at, identity, track, source, digest, embedding, checksum)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                    row,
                )
                written.append(cursor.rowcount == 1)
                if cursor.rowcount == 1 and sighting.crop is not None:
                    connection.execute(
                        "INSERT INTO crops VALUES (?, ?, ?)",
                        (cursor.lastrowid, sighting.crop.media_type, sighting.crop.data),
                    )
        return written

    def remove(self, where: str, values: Sequence[Any]) -> list[tuple[int, str]]:
        """Removes the rows of a condition; their embeddings and crops are overwritten, in the journal too.

        Where there are none, nothing is written and the generation stays.

        Returns:
            Their (row, camera).
        """
        if not self.connection.execute(
            f"SELECT EXISTS (SELECT 1 FROM sightings WHERE {where})", list(values)
        ).fetchone()[0]:
            return []
        with self._transaction() as connection:
            removed = list(
                connection.execute(f"SELECT row, camera FROM sightings WHERE {where} ORDER BY row", list(values))
            )
            connection.executemany("INSERT INTO removals (row, camera) VALUES (?, ?)", removed)
            connection.execute(f"DELETE FROM sightings WHERE {where}", list(values))
        self.empty_journal()
        return removed

    def empty_journal(self) -> bool:
        """Brings the journal into the file and cuts it to nothing, so that it keeps no older page.

        Returns:
            False if a search that began earlier still needs it; the next removal or `compact` does it then.
        """
        done: bool = not self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if not done:
            _log.warning(
                "%s: a reader needs the journal; it is emptied with the next removal or compaction", self.folder
            )
        return done

    def vacuum(self) -> None:
        """Rewrites the file without the pages that removals left empty."""
        try:
            self.connection.execute("VACUUM")
        except GalleryError as error:
            raise type(error)(f"not compacted, nothing is lost: {error}") from error
        self.empty_journal()

    def set_meta(self, **entries: Any) -> None:
        with self._transaction() as connection:
            values = [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in entries.items()]
            connection.executemany(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", values
            )

    def note_backup(self, path: str, made_at: str, generation: int) -> None:
        """Remembers that a copy was made, so that an erasure can name the copies that still hold what it erased."""
        noted = [*self.backups(), {"path": path, "made_at": made_at, "generation": generation}]
        self.set_meta(backups=noted)

    def backups(self) -> list[dict[str, Any]]:
        """The copies that were made, oldest first: path, made_at, generation."""
        noted: list[dict[str, Any]] = json.loads(self.meta().get("backups", "[]"))
        return noted

    def problems(self) -> Iterator[str]:
        """What SQLite and the checksums find wrong; all of it, as far as the file can be read."""
        try:
            yield from self._problems()
        except GalleryCorrupt as error:
            yield str(error)

    def _problems(self) -> Iterator[str]:
        for (line,) in self.connection.execute("PRAGMA integrity_check"):
            if line != "ok":
                yield f"SQLite: {line}"
        for row, blob, checksum in self.connection.execute("SELECT row, embedding, checksum FROM sightings"):
            if len(blob) != self.dtype.itemsize * self.dimension or zlib.crc32(blob) != checksum:
                yield f"row {row}: the embedding is not what was written"
            elif not np.isfinite(np.frombuffer(blob, self.dtype)).all():
                yield f"row {row}: the embedding is not finite"


def writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK)


def _frozen(file: Path) -> Connection:
    """A gallery on a medium that can't be written: read as it is, with no journal of its own.

    Raises:
        GalleryError: a journal beside it holds changes that only a writer could bring in.
    """
    journal = file.with_name(f"{file.name}-wal")
    if journal.exists() and journal.stat().st_size:
        raise GalleryError(
            f"{file.parent} can't be written to and {journal.name} holds changes that aren't in {file.name} yet; copy the"
            " folder to where it can be written, or take a backup of it where it was made"
        )
    address = f"file:{quote(str(file.resolve()))}?immutable=1"
    connection = Connection.open(file, address)
    connection.execute("SELECT key FROM meta LIMIT 1")
    return connection


def _sighting(found: Sequence[Any]) -> Sighting:
    row, id_, camera, source, digest, taken_at, identity, track, has_crop = found
    return Sighting(row, id_, camera, source, digest, from_microseconds(taken_at), identity, track, bool(has_crop))
