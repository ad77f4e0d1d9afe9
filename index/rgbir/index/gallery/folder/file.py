"""A gallery's file, open: whatever is read or written belongs to the file that lies there, whoever replaces it meanwhile."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from rgbir.index.errors import (
    GalleryBusy,
    GalleryCorrupt,
    GalleryError,
    GalleryFull,
    GalleryMissing,
    GalleryMoved,
    UsageError,
)
from rgbir.index.files import put_in_place, state_of
from rgbir.index.gallery.folder import session
from rgbir.index.gallery.folder.connection import Connection
from rgbir.index.gallery.folder.place import FILE, Place, journal, leftovers, writable
from rgbir.index.gallery.folder.schema import FORMAT, MIGRATIONS, MOVED, SCHEMA, read_meta, readable, sum_of, write_meta

BUSY_S = 30
"""Seconds to wait for another program's transaction."""
_log = logging.getLogger(__name__)


def create(folder: Path, meta: dict[str, str], *, plain: bool = True) -> None:
    """A new gallery's file, which says this of itself.

    Args:
        plain: versions of format 4 know all that the network says.

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
    with closing(Connection.open(unfinished)) as connection:
        connection.executescript(f"BEGIN;{SCHEMA}")
        entries = {**meta, "format": str(FORMAT if plain else MOVED), "generation": "0", "salt": secrets.token_hex(16)}
        write_meta(connection, **entries)
        connection.execute("COMMIT")
    put_in_place(unfinished, file)


class GalleryFile:
    """One connection to a gallery's file. Not for several threads at once.

    Attributes:
        frozen: nothing can be written here.
        journal_kept: a reader keeps the journal from being emptied, with what was erased in it.
        format: 1 to `MOVED`, as it was opened; older ones stay as they are where they are frozen.

    Raises:
        GalleryMissing: no such file.
        GalleryCorrupt: not a gallery's file.
        GalleryError: of another format, or the disk refuses.
    """

    connection: Connection

    def __init__(self, folder: Path) -> None:
        file = folder / FILE
        if not file.is_file():
            raise GalleryMissing(
                f"{folder} is not a gallery: no {FILE}; make one with `rgbir index add … --gallery {folder}`"
            )
        self.folder, self.frozen, self.journal_kept = folder, not writable(folder), False
        self._connect()
        there = self._migrated()
        if there not in readable():
            self.close()
            raise GalleryError(f"{file} has format {there}; this version reads formats 1 to {MOVED}: update rgbir")
        self.format = int(there)

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
            read_meta(connection, "format")
            alone = None if still is not None else session.of_file(file)
        except BaseException:
            connection.close()
            raise
        self.connection, self._place = connection, Place(self.folder)
        # still: the file's state where nobody writes to it; None where a lock keeps reading and writing apart.
        self._still, self._content = still, state_of(file)
        self._generation = 0 if alone is None else alone.generation

    def _migrated(self) -> str:
        """The gallery's format, brought up to date where it can be written; each step happens as a whole or not at all."""
        there = read_meta(self.connection, "format").get("format", "")
        while there.isdecimal() and int(there) in MIGRATIONS and not self.frozen:
            with self.transaction() as connection:
                if read_meta(connection, "format")["format"] == there:  # no other process was quicker
                    for step in MIGRATIONS[int(there)]:
                        connection.execute(step)
                    write_meta(connection, format=str(int(there) + 1))
            there = read_meta(self.connection, "format")["format"]
        return there

    def close(self) -> None:
        self.connection.close()

    def check(self) -> None:
        """Makes sure that this is still the gallery that lies there.

        Raises:
            GalleryMoved: its files were replaced, moved, deleted, or written over.
        """
        content = self._place.check()
        if self._still is not None or content == self._content:
            return
        generation = session.same(self.connection, self.folder / FILE, self._generation)
        if generation is None:  # else a journal was brought in
            raise GalleryMoved(
                f"{self.folder / FILE} was written over while the gallery was open; nothing is answered or written until it is opened"
                " again: restart what has it open, with the file put right"
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

    def data_version(self) -> int:
        """Changes when another connection has written."""
        return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
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
            with self.transaction() as connection:
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

    def copy_to(self, file: Path) -> None:
        """Copies the whole gallery as of one moment to a new file, which has no journal."""
        with closing(Connection.open(file)) as copy:
            self.connection.copy_to(copy)
            copy.execute("PRAGMA journal_mode = DELETE")

    def leave_journal(self) -> None:
        """Brings the journal into the file and deletes it: the file is whole by itself."""
        self.connection.execute("PRAGMA journal_mode = DELETE")


def _state(file: Path) -> tuple[tuple[int, ...] | None, bool]:
    """What changes when somebody writes to a file, or opens it to write."""
    return state_of(file), journal(file.parent).exists()


def _read_only(file: Path) -> Connection:
    """A gallery on a medium that can't be written here: with its writer's journal while there is one, else as it lies there.

    Raises:
        GalleryError: the journal holds changes that only a writer could bring in.
    """
    beside = journal(file.parent)
    how = "mode=ro" if beside.exists() else "immutable=1"
    connection = Connection.open(file, f"file:{quote(str(file.resolve()))}?{how}", timeout=BUSY_S)
    try:
        read_meta(connection, "format")
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
