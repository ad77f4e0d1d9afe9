"""The truth: sightings and embeddings in one SQLite file, changed in transactions."""

from __future__ import annotations

import json
import logging
import secrets
import time
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import (
    GalleryBusy,
    GalleryCorrupt,
    GalleryError,
    GalleryFull,
    GalleryMissing,
    GalleryMoved,
    UsageError,
)
from rgbir.index.files import sync_folder
from rgbir.index.gallery.calibration import Calibration
from rgbir.index.gallery.erasures import Condition, Erasure, Named, hashed, picture
from rgbir.index.gallery.folder import erasing, session
from rgbir.index.gallery.folder.connection import Connection
from rgbir.index.gallery.folder.harm import harm, out_of_calendar
from rgbir.index.gallery.folder.place import FILE, Place, journal, leftovers, writable
from rgbir.index.gallery.folder.schema import FORMAT, LABELS, MIGRATIONS, SCHEMA, readable, sum_of
from rgbir.index.gallery.sightings import Crop, NewSighting, Sighting
from rgbir.index.nearest.rows import Changes, Mark, Vector
from rgbir.index.times import from_microseconds, to_microseconds

BUSY_S = 30
"""Seconds to wait for another program's transaction."""
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
        self.frozen = not writable(folder)
        self.journal_kept = False
        """Whether a reader keeps the journal from being emptied, with what was erased in it."""
        self._connect()
        found = self._migrated()
        if found not in readable():
            self.close()
            raise GalleryError(f"{file} has format {found}; this version reads formats 1 to {FORMAT}: update rgbir")
        self._format = int(found)
        meta = self.meta()
        self.dimension, self.dtype = int(meta["dimension"]), np.dtype(meta.get("storage", "float32")).newbyteorder("<")

    @classmethod
    def create(cls, folder: Path, meta: dict[str, str]) -> Store:
        """A new, empty store; `meta` holds at least `dimension`.

        Raises:
            UsageError: files that another gallery left, which would be taken for this one's.
        """
        if left := leftovers(folder):
            raise UsageError(
                f"{folder} has {' and '.join(left)} of a gallery that was there, which would be taken for the new one's; choose"
                " another folder, or move that one away whole"
            )
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / FILE
        unfinished = file.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        connection = Connection.open(unfinished)
        try:
            connection.executescript(f"BEGIN;{SCHEMA}")
            entries = {**meta, "format": str(FORMAT), "generation": "0", "salt": secrets.token_hex(16)}
            connection.executemany("INSERT INTO meta VALUES (?, ?)", entries.items())
            connection.execute("COMMIT")
        finally:
            connection.close()
        unfinished.rename(file)
        sync_folder(folder)
        return cls(folder)

    def _connect(self) -> None:
        file = self.folder / FILE
        session.check_journal(file, journal(self.folder))
        still = _state(file) if self.frozen and not journal(self.folder).exists() else None
        connection = _read_only(file) if self.frozen else Connection.open(file, timeout=BUSY_S)
        try:
            connection.create_function("sum_of", -1, sum_of, deterministic=True)
            if not self.frozen:
                connection.execute("PRAGMA journal_mode = WAL")
                # What was acknowledged survives a power cut, too.
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA secure_delete = ON")  # what is removed is overwritten
            connection.execute("SELECT key FROM meta LIMIT 1")
            alone = None if still is not None else session.of_file(file)
        except BaseException:
            connection.close()
            raise
        self.connection, self.place = connection, Place(self.folder)
        # still: the file's state where nobody writes to it; None where a lock keeps reading and writing apart.
        self._still, self._content = still, _state(file)[:3]
        self._generation = 0 if alone is None else alone.generation

    def check(self) -> None:
        """Makes sure that this is still the gallery that lies there.

        Raises:
            GalleryMoved: its files were replaced, moved, deleted, or written over.
        """
        self.place.check()
        if self._still is not None or (content := _state(self.folder / FILE)[:3]) == self._content:
            return
        generation = session.same(self.connection, self.folder / FILE, self._generation)
        if generation is None:  # else a journal was brought in
            raise GalleryMoved(
                f"{self.folder / FILE} was written over while the gallery was open; nothing is answered or written until it is opened"
                " anew: restart what has it open, with the file put right"
            )
        self._content, self._generation = content, generation

    def refresh(self) -> bool:
        """Makes sure, before anything is read, that this is still the gallery that lies there.

        Returns:
            True if the connection was made anew: another process began to write to a medium that is read-only here.

        Raises:
            GalleryMoved: it isn't.
        """
        self.check()
        if self._still is None or self._still == _state(self.folder / FILE):
            return False
        old = self.connection
        self._connect()  # where it can't be opened just now, the old connection stays for the next try
        old.close()
        return True

    def settled(self) -> None:
        """Makes sure, after something was read, that nobody wrote meanwhile where no lock can keep them from it.

        Raises:
            GalleryBusy: somebody did.
        """
        if self._still is not None and self._still != _state(self.folder / FILE):
            raise GalleryBusy(f"another process began to write to {self.folder} while it was read; ask again")

    def _migrated(self) -> str:
        """The gallery's format, brought up to date where it can be written; each step happens as a whole or not at all."""
        found = self.meta().get("format", "")
        while found.isdecimal() and int(found) in MIGRATIONS and not self.frozen:
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
        """A write that happens as a whole or not at all."""
        try:
            self.check()
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
        except GalleryError as error:
            raise type(error)(f"nothing was changed: {error}") from error
        self.check()  # what was written to a file that nobody can find isn't acknowledged

    @staticmethod
    def _changed(connection: Connection) -> None:
        """What is searched is another thing from now on."""
        connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")

    def _moment(self, connection: Connection) -> int:
        """Now, and later than every moment before it, wherever the clock was set; within a transaction."""
        now = max(time.time_ns() // 1000, self.moment() + 1)
        self._reach(connection, now)
        return now

    def _reach(self, connection: Connection, moment: int) -> None:
        if moment > self.moment():
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('moment', ?)", (str(moment),))

    # --- reading

    def moment(self) -> int:
        """The latest moment that was noted here, microseconds since 1970."""
        found = self.connection.execute("SELECT value FROM meta WHERE key = 'moment'").fetchone()
        return 0 if found is None else int(found[0])

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

    @property
    def _columns(self) -> str:
        since, frame = ("since", "frame") if self._format >= 4 else ("0", "NULL")
        crop = "EXISTS (SELECT 1 FROM crops WHERE crops.row = sightings.row)"
        return f"row, id, camera, source, digest, taken_at, identity, track, {crop}, {since}, {frame}"

    def by_rows(self, rows: Sequence[int]) -> dict[int, Sighting]:
        marks = ",".join("?" * len(rows))
        found = self.connection.execute(f"SELECT {self._columns} FROM sightings WHERE row IN ({marks})", list(rows))
        return {sighting.row: sighting for sighting in map(_sighting, found)}

    def rows_of_track(self, track: str) -> NDArray[np.int64]:
        """Rows that belong to it, ascending."""
        found = self.connection.execute("SELECT row FROM sightings WHERE track = ? ORDER BY row", (track,))
        return np.array([row for (row,) in found], np.int64)

    def ids(self) -> dict[int, str]:
        """Every sighting's id by row."""
        return dict(self.connection.execute("SELECT row, id FROM sightings"))

    def get(self, wanted: str) -> Sighting | None:
        found = self.connection.execute(f"SELECT {self._columns} FROM sightings WHERE id = ?", (wanted,)).fetchone()
        return None if found is None else _sighting(found)

    def last(self) -> Sighting | None:
        query = f"SELECT {self._columns} FROM sightings ORDER BY row DESC LIMIT 1"
        found = self.connection.execute(query).fetchone()
        return None if found is None else _sighting(found)

    def all(self) -> Iterator[Sighting]:
        return map(_sighting, self.connection.execute(f"SELECT {self._columns} FROM sightings ORDER BY row"))

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those that are enrolled already."""
        one = "SELECT 1 FROM sightings WHERE id = ?"
        return {wanted for wanted in ids if self.connection.execute(one, (wanted,)).fetchone()}

    def crop(self, wanted: str) -> Crop | None:
        """As it was written.

        Raises:
            GalleryCorrupt: it isn't.
        """
        total = "(SELECT crop FROM sums WHERE sums.row = crops.row)" if self._format >= 4 else "NULL"
        query = f"SELECT row, media_type, data, {total} FROM crops JOIN sightings USING (row) WHERE id = ?"
        found = self.connection.execute(query, (wanted,)).fetchone()
        if found is None:
            return None
        row, media_type, data, checksum = found
        if checksum is not None and sum_of(media_type, data) != checksum:
            raise GalleryCorrupt(f"{self.folder}: the crop of row {row} is not what was written; restore a backup")
        return Crop(media_type, data)

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
        """Writes sightings with their prepared embeddings in one transaction; True where it was new and not erased since."""
        written = []
        with self._transaction() as connection:
            now, gone = 0, self.bound([sighting for sighting, _ in new])
            for sighting, embedding in new:
                if sighting.id in gone:
                    written.append(False)
                    continue
                if sighting.since is None and not now:
                    now = self._moment(connection)
                blob = embedding.astype(self.dtype).tobytes()
                moment = None if sighting.taken_at is None else to_microseconds(sighting.taken_at)
                labels = (
                    sighting.id,
                    sighting.camera,
                    moment,
                    sighting.identity,
                    sighting.track,
                    sighting.source,
                    sighting.digest,
                    now if sighting.since is None else sighting.since,
                    sighting.frame,
                )
                cursor = connection.execute(
                    f"INSERT INTO sightings ({', '.join(LABELS)}, embedding, checksum)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                    (*labels, blob, zlib.crc32(blob)),
                )
                written.append(cursor.rowcount == 1)
                if cursor.rowcount == 1:
                    self._add_crop(connection, cursor.lastrowid, labels, sighting.crop)
            self._reach(connection, max((sighting.since or 0 for sighting, _ in new), default=0))
            if any(written):
                self._changed(connection)
        return written

    @staticmethod
    def _add_crop(connection: Connection, row: int, labels: Sequence[Any], crop: Crop | None) -> None:
        """The crop, where there is one, and the checksums."""
        total = None if crop is None else sum_of(crop.media_type, crop.data)
        connection.execute("INSERT INTO sums VALUES (?, ?, ?)", (row, sum_of(*labels), total))
        if crop is not None:
            connection.execute("INSERT INTO crops VALUES (?, ?, ?)", (row, crop.media_type, crop.data))

    def bound(self, sightings: Sequence[NewSighting]) -> set[str]:
        """Ids of those that an erasure binds: they were known before it."""
        return erasing.bound_in(self.connection, sightings) if self._format >= 4 else set()

    def planned(self, which: Condition, by_rule: bool = False) -> Erasure:
        """An erasure as it is to be noted before it is done.

        Args:
            by_rule: by age; it needs no ids, since the rule goes on to hold.
        """
        clause, values = erasing.where(which)
        query = f"SELECT id, camera, digest FROM sightings WHERE {clause}"
        found = [] if by_rule else list(self.connection.execute(query, values))
        ids = {sighting for sighting, *_ in found} | {picture(camera, digest) for _, camera, digest in found}
        if which.ids is not None and which == Condition(which.ids):
            ids |= set(which.ids)
        salt = self.meta()["salt"]
        return Erasure(
            uid=secrets.token_hex(8),
            at=max(time.time_ns() // 1000, self.moment() + 1),
            condition=Named.of(which),
            salt=salt,
            ids=tuple(sorted(hashed(salt, sighting) for sighting in ids)),
        )

    def count(self, which: Condition) -> int:
        """Sightings that meet it."""
        clause, values = erasing.where(which)
        return int(self.connection.execute(f"SELECT count(*) FROM sightings WHERE {clause}", values).fetchone()[0])

    def remove(self, which: Condition, erasure: Erasure | None, most: int | None = None) -> list[tuple[int, str]]:
        """Removes what meets a condition; embeddings and crops are overwritten, in the journal too.

        Args:
            erasure: how it is noted, once nothing that meets it is left; None for what is no erasure.
            most: rows to remove in one transaction.

        Returns:
            (row, camera) of those that were removed.
        """
        clause, values = erasing.where(which)
        limit = f"SELECT row, camera FROM sightings WHERE {clause} ORDER BY row LIMIT ?"
        removed: list[tuple[int, str]] = []
        while True:
            with self._transaction() as connection:
                found = list(connection.execute(limit, [*values, -1 if most is None else most]))
                self._erase(connection, found)
                removed += found
                if most is None or len(found) < most:
                    self._note(connection, [] if erasure is None else [erasure])
                    break
            self.empty_journal()
        if removed:
            self.empty_journal()
        return removed

    def heed(self, erasures: Sequence[Erasure], most: int | None = None) -> list[tuple[int, str]]:
        """Removes what was known before these erasures and is meant by them; those that were heeded before say nothing.

        Args:
            most: rows to remove in one transaction.

        Returns:
            (row, camera) of what was removed.
        """
        removed: list[tuple[int, str]] = []
        while True:
            with self._transaction() as connection:
                known = self.erasure_names()
                new = [erasure for erasure in erasures if erasure.uid not in known]
                rows = erasing.meant(connection, new)
                done = most is None or len(rows) <= most
                self._erase(connection, rows[:most])
                removed += rows[:most]
                if done:
                    self._note(connection, new)
            if removed:
                self.empty_journal()
            if done:
                return removed

    def _erase(self, connection: Connection, rows: Sequence[tuple[int, str]]) -> None:
        if not rows:
            return
        self._changed(connection)
        self._uncalibrate(connection, rows)
        connection.executemany("INSERT INTO removals (row, camera) VALUES (?, ?)", rows)
        connection.executemany("DELETE FROM sightings WHERE row = ?", ((row,) for row, _ in rows))

    def _uncalibrate(self, connection: Connection, rows: Sequence[tuple[int, str]]) -> None:
        """Drops what was measured with labelled sightings that are erased."""
        kept = self.meta().get("calibration")
        if kept is None:
            return
        query = "SELECT DISTINCT camera FROM sightings WHERE identity IS NOT NULL AND row IN (SELECT value FROM json_each(?))"
        cameras = {camera for (camera,) in connection.execute(query, (json.dumps([row for row, _ in rows]),))}
        left = Calibration.model_validate_json(kept).without(cameras)
        entries = {
            "calibration": left.model_dump_json(),
            "uncalibrated": json.dumps(sorted(cameras | self.uncalibrated())),
        }
        connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", entries.items())

    def uncalibrated(self) -> set[str]:
        """Cameras whose pairs are to be measured again."""
        return set(json.loads(self.meta().get("uncalibrated", "[]")))

    def _note(self, connection: Connection, erasures: Sequence[Erasure]) -> None:
        erasing.note(connection, erasures)
        self._reach(connection, max((erasure.at for erasure in erasures), default=0))

    def mark(self) -> Erasure:
        """Notes how far the moments are, for a ledger: an older file that takes this one's place goes on from there, even if the
        clock was set back."""
        mark = Erasure(uid=secrets.token_hex(8), at=self.moment())
        with self._transaction() as connection:
            self._note(connection, [mark])
        return mark

    def erasure_names(self) -> set[str]:
        """Of the erasures that were heeded here."""
        return erasing.names(self.connection) if self._format >= 4 else set()

    def erasures(self, but: Collection[str] = ()) -> list[Erasure]:
        """Those that were heeded here, in the order of their moments, but for those names."""
        return erasing.noted(self.connection, set(but)) if self._format >= 4 else []

    def empty_journal(self, wait_s: float = 0.2) -> bool:
        """Brings the journal into the file and cuts it to nothing, so that it keeps no older page.

        Returns:
            False if a search that began earlier still needs it; the next call does it then.
        """
        self.journal_kept = not self._emptied(wait_s)
        if self.journal_kept:
            _log.warning("%s: a reader needs the journal; it is emptied once the reader is done", self.folder)
            return False
        with suppress(GalleryFull):
            with self._transaction() as connection:
                session.renew(connection)
            self._emptied(wait_s)
        return True

    def _emptied(self, wait_s: float) -> bool:
        self.connection.execute(f"PRAGMA busy_timeout = {int(wait_s * 1000)}")
        try:
            return not self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except GalleryBusy:
            return False
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {BUSY_S * 1000}")

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
            self._changed(connection)

    def remember(self, name: str, value: str) -> None:
        """As `set_meta`, for what changes nothing that is searched."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

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
            yield from harm(self.connection, self.dimension, self.dtype, self._format)
        except GalleryCorrupt as error:
            yield str(error)

    def remarks(self) -> Iterator[str]:
        """What is as it was written, and shouldn't be."""
        return out_of_calendar(self.connection)


def _state(file: Path) -> tuple[Any, ...]:
    """What changes when somebody writes to a file, or opens it to write."""
    try:
        status = file.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, journal(file.parent).exists()


def _read_only(file: Path) -> Connection:
    """A gallery on a medium that can't be written here: with its writer's journal while there is one, else as it lies there.

    Raises:
        GalleryError: the journal holds changes that only a writer could bring in.
    """
    beside = journal(file.parent)
    how = "mode=ro" if beside.exists() else "immutable=1"
    connection = Connection.open(file, f"file:{quote(str(file.resolve()))}?{how}", timeout=BUSY_S)
    try:
        connection.execute("SELECT key FROM meta LIMIT 1")
    except GalleryCorrupt:
        connection.close()
        raise
    except GalleryError as error:
        connection.close()
        raise GalleryError(
            f"{file.parent} can't be written to and {beside.name} holds changes that aren't in {file.name} yet; copy the"
            " folder to where it can be written, or take a backup of it where it was made"
        ) from error
    return connection


def _sighting(found: Sequence[Any]) -> Sighting:
    row, id_, camera, source, digest, taken_at, identity, track, has_crop, since, frame = found
    return Sighting(
        row, id_, camera, source, digest, from_microseconds(taken_at), identity, track, bool(has_crop), since, frame
    )
