"""The truth: sightings and embeddings in one SQLite file, changed in transactions.

SQL stands here and in three files beside it, and nowhere else: `file` opens the file, keeps its transactions and its journal,
`schema` lays it out, and `erasing` knows who is meant by an erasure. A test holds that.
"""

from __future__ import annotations

import json
import secrets
import time
import zlib
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import GalleryCorrupt, GalleryError
from rgbir.index.gallery.browse import Order, Selection, Spot
from rgbir.index.gallery.erasures import Condition, Erasure, picture
from rgbir.index.gallery.folder import erasing
from rgbir.index.gallery.folder.connection import Connection
from rgbir.index.gallery.folder.file import GalleryFile
from rgbir.index.gallery.folder.schema import LABELS, MOVED, read_meta, sum_of, write_meta
from rgbir.index.gallery.sightings import Crop, NewSighting, Sighting
from rgbir.index.nearest.rows import Changes, Mark, Vector
from rgbir.index.times import from_microseconds, to_microseconds


class Store:
    """What is asked of one connection to a gallery's file, and told it. Not for several threads at once.

    Attributes:
        dimension, dtype: of the embeddings, as they lie in the file.

    Raises:
        GalleryMissing, GalleryCorrupt, GalleryError: see `GalleryFile`.
    """

    def __init__(self, folder: Path) -> None:
        self.file = GalleryFile(folder)
        meta = self.meta()
        self.dimension, self.dtype = int(meta["dimension"]), np.dtype(meta.get("storage", "float32")).newbyteorder("<")

    def close(self) -> None:
        self.file.close()

    @property
    def connection(self) -> Connection:
        return self.file.connection

    # --- what it says of itself

    def meta(self) -> dict[str, str]:
        return read_meta(self.connection)

    def set_meta(self, **entries: Any) -> None:
        values = {key: value if isinstance(value, str) else json.dumps(value) for key, value in entries.items()}
        with self.file.transaction() as connection:
            write_meta(connection, **values)
            self._changed(connection)

    def set_network(self, network: dict[str, Any], *, plain: bool, moved: Collection[str]) -> None:
        """Another network of cameras.

        Args:
            plain: older versions read it, too; else the gallery is of a format that they refuse.
            moved: cameras whose places are other ones now; what was measured between them is dropped.
        """
        with self.file.transaction() as connection:
            write_meta(connection, network=json.dumps(network))
            if not plain:
                write_meta(connection, format=str(MOVED))
            erasing.uncalibrate(connection, set(moved))
            self._changed(connection)

    def remember(self, name: str, value: str) -> None:
        """As `set_meta`, for what changes nothing that is searched."""
        with self.file.transaction() as connection:
            write_meta(connection, **{name: value})

    def uncalibrated(self) -> set[str]:
        """Cameras whose pairs are to be measured again."""
        return set(json.loads(self.meta().get("uncalibrated", "[]")))

    def note_backup(self, path: str, made_at: str) -> None:
        """Remembers a copy, so that an erasure can name the copies that still hold what it erased."""
        with self.file.transaction():
            generation = int(self.meta()["generation"])
            self._keep_backups([*self.backups(), {"path": path, "made_at": made_at, "generation": generation}])

    def note_backups(self, copies: Iterable[dict[str, Any]]) -> None:
        """Remembers copies of another gallery, which is about to be deleted."""
        with self.file.transaction():
            noted = self.backups()
            self._keep_backups([*noted, *(copy for copy in copies if copy not in noted)])

    def forget_backup(self, path: str, made_at: str) -> None:
        """Of a copy that was not made after all."""
        with self.file.transaction():
            self._keep_backups([copy for copy in self.backups() if (copy["path"], copy["made_at"]) != (path, made_at)])

    def _keep_backups(self, backups: list[dict[str, Any]]) -> None:
        write_meta(self.connection, backups=json.dumps(backups))

    def backups(self) -> list[dict[str, Any]]:
        """The copies that were made, oldest first: path, made_at, generation."""
        noted: list[dict[str, Any]] = json.loads(self.meta().get("backups", "[]"))
        return noted

    @staticmethod
    def _changed(connection: Connection) -> None:
        """What is searched is another thing from now on."""
        connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")

    def moment(self) -> int:
        """The latest moment that was noted here, microseconds since 1970."""
        return int(read_meta(self.connection, "moment").get("moment", "0"))

    def _now(self) -> int:
        """Later than every moment before it, wherever the clock was set."""
        return max(time.time_ns() // 1000, self.moment() + 1)

    def _reach(self, connection: Connection, moment: int) -> None:
        if moment > self.moment():
            write_meta(connection, moment=str(moment))

    # --- reading

    @contextmanager
    def changes_since(self, mark: Mark) -> Iterator[Changes]:
        """What came and went since the mark, as of one moment."""
        self.connection.execute("BEGIN")
        try:
            generation = int(self.meta()["generation"])
            query = "SELECT number, row, camera FROM removals WHERE number > ? ORDER BY number"
            removed = list(self.connection.execute(query, (mark.last_removal,)))
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
        given = (after, 2**63 - 1 if until is None else until, camera, camera)
        for row, seen_by, taken_at, identity, blob, checksum in self.connection.execute(query, given):
            self._check(row, blob, checksum)
            yield Vector(row, seen_by, taken_at, identity, blob, self.dtype)

    def embeddings(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """float32 (n, d), in the order asked for.

        Raises:
            GalleryError: an id that isn't there.
        """
        out = np.empty((len(ids), self.dimension), np.float32)
        query = "SELECT row, embedding, checksum FROM sightings WHERE id = ?"
        for place, wanted in enumerate(ids):
            row = self.connection.execute(query, (wanted,)).fetchone()
            if row is None:
                raise GalleryError(f"no sighting {wanted!r} in {self.file.folder}")
            self._check(*row)
            out[place] = np.frombuffer(row[1], self.dtype)
        return out

    def _check(self, row: int, blob: bytes, checksum: int) -> None:
        if not self.intact(blob, checksum):
            raise GalleryCorrupt(
                f"{self.file.folder}: the embedding of row {row} is not what was written; restore a backup, or `rgbir index verify` for the extent"
            )

    def intact(self, blob: bytes, checksum: int) -> bool:
        """Whether an embedding is what was written."""
        return len(blob) == self.dtype.itemsize * self.dimension and zlib.crc32(blob) == checksum

    @property
    def _columns(self) -> str:
        since, frame = ("since", "frame") if self.file.format >= 4 else ("0", "NULL")
        crop = "EXISTS (SELECT 1 FROM crops WHERE crops.row = sightings.row)"
        return f"row, id, camera, source, digest, taken_at, identity, track, {crop}, {since}, {frame}"

    def _sightings(self, which: str, values: Sequence[Any] = ()) -> Iterator[Sighting]:
        return map(_sighting, self._selected(which, values))

    def _selected(self, which: str, values: Sequence[Any]) -> Any:
        return self.connection.execute(f"SELECT {self._columns} FROM sightings {which}", values)

    def by_rows(self, rows: Sequence[int]) -> dict[int, Sighting]:
        selected = self._selected("WHERE row IN (SELECT value FROM json_each(?))", (json.dumps(rows),))
        return {sighting.row: sighting for sighting in map(_sighting, selected.fetchall())}

    def by_ids(self, ids: Sequence[str]) -> dict[str, Sighting]:
        selected = self._selected("WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),))
        return {sighting.id: sighting for sighting in map(_sighting, selected.fetchall())}

    def get(self, wanted: str) -> Sighting | None:
        return next(self._sightings("WHERE id = ?", (wanted,)), None)

    def last(self) -> Sighting | None:
        return next(self._sightings("ORDER BY row DESC LIMIT 1"), None)

    def all(self) -> Iterator[Sighting]:
        return self._sightings("ORDER BY row")

    def timed(self, which: Selection, order: Order, after: Spot | None, limit: int, *, few: bool) -> list[Sighting]:
        """Those of a selection that have a time, from one on.

        Args:
            few: its cameras have few of the sightings, so that looking through theirs is quicker than looking through all by time.
        """
        by = "track" if which.track is not None else "identity" if which.identity is not None else ""
        plain = by or ("camera" if few else "taken_at")
        time = "taken_at" if plain == "taken_at" else "+taken_at"  # a plus keeps SQLite from the index on it
        clauses, values = _selected(which, plain)
        clauses.append("taken_at IS NOT NULL")
        beyond, turn = (">", "ASC") if order == "oldest" else ("<", "DESC")
        if which.since is not None:
            clauses.append(f"{time} >= ?")
            values.append(to_microseconds(which.since))
        if which.until is not None:
            clauses.append(f"{time} < ?")
            values.append(to_microseconds(which.until))
        if after is not None:
            clauses.append(f"{time} {beyond}= ? AND (taken_at {beyond} ? OR id {beyond} ?)")
            values += [after.taken_at, after.taken_at, after.id]
        sightings = self._first(clauses, f"{time} {turn}, id {turn}", [*values, limit])
        return sorted(sightings, key=lambda sighting: (sighting.taken_at, sighting.id), reverse=order == "newest")

    def without_time(
        self, which: Selection, order: Order, after: Spot | None, limit: int, *, few: bool
    ) -> list[Sighting]:
        """Those of a selection that have no time, by their ids, from one on.

        Args:
            few: there are few of them, so that looking for them is quicker than looking through all by id.
        """
        by = "track" if which.track is not None else "identity" if which.identity is not None else ""
        plain = by or ("camera" if few else "id")
        name = "id" if plain == "id" else "+id"
        clauses, values = _selected(which, plain)
        clauses.append("taken_at IS NULL")
        beyond, turn = (">", "ASC") if order == "oldest" else ("<", "DESC")
        if after is not None:
            clauses.append(f"{name} {beyond} ?")
            values.append(after.id)
        sightings = self._first(clauses, f"{name} {turn}", [*values, limit])
        return sorted(sightings, key=lambda sighting: sighting.id, reverse=order == "newest")

    def _first(self, clauses: Sequence[str], order: str, values: Sequence[Any]) -> Iterator[Sighting]:
        """The first in an order, as of one moment."""
        rows = f"SELECT row FROM sightings WHERE {' AND '.join(clauses)} ORDER BY {order} LIMIT ?"
        return self._sightings(f"WHERE row IN ({rows})", values)

    def rows_of_track(self, track: str) -> NDArray[np.int64]:
        """Rows that belong to it, int64 (n,), ascending."""
        rows = self.connection.execute("SELECT row FROM sightings WHERE track = ? ORDER BY row", (track,))
        return np.array([row for (row,) in rows], np.int64)

    def tracks(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows that belong to a track, int64 (n,), ascending, and the first row of each one's track, int64 (n,)."""
        pairs, before, first = array("q"), None, 0
        query = "SELECT row, track FROM sightings WHERE track IS NOT NULL ORDER BY track, row"
        for row, track in self.connection.execute(query):
            if track != before:
                before, first = track, row
            pairs.extend((row, first))
        both = np.frombuffer(pairs, np.int64).reshape(-1, 2)
        rows, firsts = both[np.argsort(both[:, 0])].T.copy()
        return rows, firsts

    def ids(self) -> dict[int, str]:
        """Every sighting's id by row."""
        return dict(self.connection.execute("SELECT row, id FROM sightings"))

    def pictured(self) -> NDArray[np.int64]:
        """Rows whose sightings have a crop, int64 (n,), ascending."""
        query = "SELECT row FROM crops ORDER BY row"
        return np.fromiter((row for (row,) in self.connection.execute(query)), np.int64)

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those that are enrolled already."""
        query = "SELECT 1 FROM sightings WHERE id = ?"
        return {wanted for wanted in ids if self.connection.execute(query, (wanted,)).fetchone()}

    def crop(self, wanted: str) -> Crop | None:
        """As it was written.

        Raises:
            GalleryCorrupt: it isn't.
        """
        total = "(SELECT crop FROM sums WHERE sums.row = crops.row)" if self.file.format >= 4 else "NULL"
        query = f"SELECT row, media_type, data, {total} FROM crops JOIN sightings USING (row) WHERE id = ?"
        written = self.connection.execute(query, (wanted,)).fetchone()
        if written is None:
            return None
        row, media_type, data, checksum = written
        if checksum is not None and sum_of(media_type, data) != checksum:
            raise GalleryCorrupt(f"{self.file.folder}: the crop of row {row} is not what was written; restore a backup")
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
        line = self.connection.execute(query, (row, camera)).fetchone()
        return None if line is None else int(line[0])

    # --- reading as it lies there, for who compares

    def integrity(self) -> Iterator[str]:
        """What SQLite finds wrong with its pages, a line each; `ok` where there is nothing."""
        return (line for (line,) in self.connection.execute("PRAGMA integrity_check"))

    def blobs(self) -> Iterator[tuple[int, bytes, int]]:
        """(row, embedding, checksum)."""
        return iter(self.connection.execute("SELECT row, embedding, checksum FROM sightings"))

    def moments(self) -> Iterator[tuple[int, int | None]]:
        """(row, taken_at)."""
        return iter(self.connection.execute("SELECT row, taken_at FROM sightings"))

    def summed_labels(self) -> Iterator[tuple[Any, ...]]:
        """(row, checksum, *labels), text as bytes, whatever they are; nothing where no sums were kept."""
        if self.file.format < 4:
            return iter(())
        labels = ", ".join(f"CAST({name} AS BLOB)" for name in LABELS)
        query = f"SELECT sightings.row, sums.labels, {labels} FROM sightings LEFT JOIN sums USING (row)"
        return iter(self.connection.execute(query))

    def summed_crops(self) -> Iterator[tuple[int, int | None, bytes | None, bytes | None]]:
        """(row, checksum, media type, data) of all that have a sum or a crop; nothing where no sums were kept."""
        if self.file.format < 4:
            return iter(())
        query = (
            "SELECT row, sums.crop, CAST(media_type AS BLOB), CAST(data AS BLOB) FROM sums LEFT JOIN crops USING (row)"
            " WHERE sums.crop IS NOT NULL"
            " UNION ALL SELECT row, NULL, NULL, NULL FROM crops WHERE row NOT IN (SELECT row FROM sums WHERE crop IS NOT NULL)"
        )
        return iter(self.connection.execute(query))

    # --- writing

    def add(self, new: Sequence[tuple[NewSighting, NDArray[np.float32]]]) -> list[bool]:
        """Writes sightings with their prepared embeddings, each (d,), in one transaction; True where it was new and not erased since."""
        written, sums, crops = list[bool](), list[tuple[Any, ...]](), list[tuple[Any, ...]]()
        with self.file.transaction() as connection:
            now, gone = 0, self.bound([sighting for sighting, _ in new])
            for sighting, embedding in new:
                if sighting.id in gone:
                    written.append(False)
                    continue
                if sighting.since is None and not now:
                    now = self._now()
                    self._reach(connection, now)
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
                    row, crop = cursor.lastrowid, sighting.crop
                    sums.append((row, sum_of(*labels), None if crop is None else sum_of(crop.media_type, crop.data)))
                    if crop is not None:
                        crops.append((row, crop.media_type, crop.data))
            connection.executemany("INSERT INTO sums VALUES (?, ?, ?)", sums)
            connection.executemany("INSERT INTO crops VALUES (?, ?, ?)", crops)
            self._reach(connection, max((sighting.since or 0 for sighting, _ in new), default=0))
            if any(written):
                self._changed(connection)
        return written

    # --- erasing

    def count(self, which: Condition) -> int:
        """Sightings that meet it."""
        clause, values = erasing.where(which)
        return int(self.connection.execute(f"SELECT count(*) FROM sightings WHERE {clause}", values).fetchone()[0])

    def bound(self, sightings: Sequence[NewSighting]) -> set[str]:
        """Ids of those that an erasure binds: they were known before it."""
        return erasing.bound_in(self.connection, sightings) if self.file.format >= 4 else set()

    def planned(self, which: Condition, by_rule: bool = False) -> Erasure:
        """An erasure as it is to be noted before it is done.

        Args:
            by_rule: by age; it needs no ids, since the rule goes on to hold.
        """
        clause, values = erasing.where(which)
        query = f"SELECT id, camera, digest FROM sightings WHERE {clause}"
        rows = () if by_rule else self.connection.execute(query, values)
        names = {name for sighting, *image in rows for name in (sighting, picture(*image))}
        return Erasure.of(which, names, self.meta()["salt"], self._now())

    def remove(self, which: Condition, erasure: Erasure | None, most: int | None = None) -> erasing.Rows:
        """Removes what meets a condition; embeddings and crops are overwritten, in the journal too.

        Args:
            erasure: how it is noted, once nothing that meets it is left; None for what is no erasure.
            most: rows to remove in one transaction.

        Returns:
            (row, camera) of those that were removed.
        """
        clause, values = erasing.where(which)
        query = f"SELECT row, camera FROM sightings WHERE {clause} ORDER BY row LIMIT ?"
        given = [*values, -1 if most is None else most + 1]  # one more tells that there are more
        noted = [] if erasure is None else [erasure]
        return self._erase(lambda connection: (list(connection.execute(query, given)), noted), most)

    def heed(self, erasures: Sequence[Erasure], most: int | None = None) -> erasing.Rows:
        """Removes what was known before these erasures and is meant by them; those that were heeded before say nothing.

        Args:
            most: rows to remove in one transaction.

        Returns:
            (row, camera) of what was removed.
        """

        def meant(connection: Connection) -> tuple[erasing.Rows, list[Erasure]]:
            known = erasing.uids(connection)
            new = [erasure for erasure in erasures if erasure.uid not in known]
            return erasing.meant(connection, new), new

        return self._erase(meant, most)

    def _erase(
        self, meant: Callable[[Connection], tuple[erasing.Rows, list[Erasure]]], most: int | None
    ) -> erasing.Rows:
        """Removes the rows that are meant, at most so many in one transaction, and notes the erasures with the last of them."""
        removed: erasing.Rows = []
        while True:
            with self.file.transaction() as connection:
                rows, erasures = meant(connection)
                done = most is None or len(rows) <= most
                erasing.erase(connection, rows[:most])
                removed += rows[:most]
                if rows:
                    self._changed(connection)
                if done:
                    self._note(connection, erasures)
            if removed:
                self.file.empty_journal()
            if done:
                return removed

    def _note(self, connection: Connection, erasures: Sequence[Erasure]) -> None:
        erasing.note(connection, erasures)
        self._reach(connection, max((erasure.at for erasure in erasures), default=0))

    def mark(self) -> Erasure:
        """Notes how far the moments are, for a ledger: an older file that takes this one's place goes on from there, even if the
        clock was set back."""
        mark = Erasure(uid=secrets.token_hex(8), at=self.moment())
        with self.file.transaction() as connection:
            self._note(connection, [mark])
        return mark

    def erasure_names(self) -> set[str]:
        """Of the erasures that were heeded here."""
        return erasing.uids(self.connection) if self.file.format >= 4 else set()

    def erasures(self, but: Collection[str] = (), since: int = 0) -> list[Erasure]:
        """Those that were heeded here, in the order of their moments, but for those names, after a moment alone."""
        return erasing.noted(self.connection, set(but), since) if self.file.format >= 4 else []


def _selected(which: Selection, plain: str) -> tuple[list[str], list[Any]]:
    """Camera, identity, track and digest as SQL, with their values; only the plain column's index is used."""
    among = "IN (SELECT value FROM json_each(?))"
    given = [
        ("camera", among, None if which.cameras is None else json.dumps(list(which.cameras))),
        ("identity", "= ?", which.identity),
        ("track", "= ?", which.track),
        ("digest", among, None if which.digests is None else json.dumps(list(which.digests))),
    ]
    chosen = [
        (f"{'' if name == plain else '+'}{name} {test}", value) for name, test, value in given if value is not None
    ]
    return [clause for clause, _ in chosen], [value for _, value in chosen]


def _sighting(row: Sequence[Any]) -> Sighting:
    number, id_, camera, source, digest, taken_at, identity, track, has_crop, since, frame = row
    return Sighting(
        number, id_, camera, source, digest, from_microseconds(taken_at), identity, track, bool(has_crop), since, frame
    )
