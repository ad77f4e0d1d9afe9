"""The file of cases, open: one connection, which the threads of a server take in turn."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from rgbir.index import (
    Connection,
    GalleryError,
    GalleryFull,
    SqlWords,
    give_room_up,
    keep_room,
    put_in_place,
    sum_of,
)
from rgbir.server.cases.closed import expect_closed, make_closed
from rgbir.server.cases.schema import FILE, FORMAT, SCHEMA
from rgbir.server.errors import BadSettings, CasesUnusable, NotNow

BUSY_S = 30
"""Seconds to wait for another program's transaction."""
RESERVE, RESERVED = "reserve", 1 << 20
"""A file whose bytes an erasure gives up on a full disk."""
WORDS = SqlWords("store of cases", "`rgbir cases verify` tells the extent, restore a backup")
_CASES = ("cases", "people", "pictures", "searches", "marks", "notes", "near", "erasures")
TABLES = (*_CASES, "judgements", "judged_pairs", "judged_answers")
"""Whose rows are summed."""


class CaseFile:
    """Thread-safe.

    Args:
        folder: where the file lies, or is made.
        made: it is made if it isn't there.

    Raises:
        BadSettings: no file of cases, one of another format, or others on the machine can look into it.
        CasesUnusable: it can't be opened.
    """

    def __init__(self, folder: Path, *, made: bool = True) -> None:
        self.folder, self.file = folder, folder / FILE
        self.lock = threading.RLock()
        if made and not self.file.exists():
            self._make()
        if not self.file.is_file():
            raise BadSettings(f"{folder} holds no cases: no {FILE}; `rgbir serve --cases FOLDER` makes it")
        expect_closed(folder, self.file)
        with self._failing():
            self.connection = _connected(self.file)
            try:
                there = dict(self.connection.execute("SELECT key, value FROM meta")).get("format")
                if os.access(folder, os.W_OK):  # SQLite makes its journal with the first change
                    self.connection.execute("INSERT OR REPLACE INTO meta VALUES ('opened', datetime('now'))")
            except BaseException:
                self.connection.close()
                raise
        if there != FORMAT:
            self.connection.close()
            raise BadSettings(f"{self.file} has format {there}; this version reads format {FORMAT}: update rgbir")
        self._places = {file: place for file in self._files() if (place := _place(file)) is not None}
        if os.access(folder, os.W_OK):
            keep_room(folder / RESERVE, RESERVED)

    def _make(self) -> None:
        left = [path.name for path in self.folder.glob(f"{FILE}-*")]
        if left:
            raise BadSettings(
                f"{self.folder} has {left[0]} of cases that were there, which would be taken for the new ones'; choose another"
                " folder, or move that one away whole"
            )
        try:
            make_closed(self.folder)
        except OSError as error:
            raise CasesUnusable(f"{self.folder} can't be made: {error.strerror}") from error
        new = self.file.with_name(f"{FILE}.new")
        new.unlink(missing_ok=True)
        os.close(os.open(new, os.O_CREAT | os.O_WRONLY, 0o600))
        with self._failing(), closing(_connected(new)) as connection:
            connection.executescript(f"BEGIN;{SCHEMA}")
            for table in TABLES:
                _sum_rows(connection, table)
            connection.execute("INSERT INTO meta VALUES ('format', ?)", (FORMAT,))
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode = DELETE")
        put_in_place(new, self.file)

    def _files(self) -> list[Path]:
        """The file, and what SQLite keeps beside it while it is open."""
        return [self.file, *(self.file.with_name(f"{FILE}-{what}") for what in ("wal", "shm"))]

    def close(self) -> None:
        with self.lock:
            self.connection.close()

    def check(self) -> None:
        """Makes sure that this is still the file that lies there.

        Raises:
            CasesUnusable: it was replaced, moved or deleted.
        """
        changed = next((file for file, place in self._places.items() if _place(file) != place), None)
        if changed is not None:
            raise CasesUnusable(
                f"{changed} was replaced, moved or deleted while it was open; nothing is answered or written until the server is"
                " started again, or the file is back"
            )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent state, for as long as it is read.

        Raises:
            CasesUnusable: it can't be.
        """
        with self.lock, self._failing():
            self.check()
            if self.connection.in_transaction:  # within a change
                yield self.connection
                return
            self.connection.execute("BEGIN")
            try:
                yield self.connection
            finally:
                self.connection.execute("COMMIT")

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """A change that happens as a whole or not at all, and is on disk once the block has ended.

        Raises:
            CasesUnusable: nothing was changed.
        """
        with self.lock, self._failing():
            self.check()
            if self.connection.in_transaction:  # part of a larger change
                yield self.connection
                return
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
            self.check()  # what was written to a file that nobody can find isn't acknowledged

    @contextmanager
    def erasing(self) -> Iterator[Connection]:
        """A change that takes pictures out, in the journal, too; on a full disk it has the room of the reserve."""
        try:
            with self.changing() as connection:
                yield connection
        finally:
            if not self.connection.in_transaction:
                with suppress(CasesUnusable):
                    self.empty_journal()
                keep_room(self.folder / RESERVE, RESERVED)  # a part of a larger change would take the room of the rest

    def make_room(self) -> None:
        """Gives the reserve up, for an erasure that harms the disk full."""
        give_room_up(self.folder / RESERVE)

    def empty_journal(self) -> bool:
        """Brings the journal into the file and cuts it to nothing, so that it keeps no older page; False if a reader needs it."""
        with self.lock, self._failing():
            return not self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]

    def leave_journal(self) -> None:
        """Brings the journal into the file and deletes it: the file is whole by itself."""
        with self.lock, self._failing():
            self.connection.execute("PRAGMA journal_mode = DELETE")
        self._places = {self.file: self._places[self.file]}

    def copy_to(self, file: Path) -> None:
        """Copies the whole as of one moment to a new file, which has no journal."""
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
        with self.lock, self._failing(), closing(Connection.open(file, words=WORDS)) as copy:
            self.check()
            self.connection.copy_to(copy)
            copy.execute("PRAGMA journal_mode = DELETE")

    def harm(self) -> list[str]:
        """What is wrong with it, in words; an empty list is a proof that nothing is."""
        with self.reading() as connection:
            harms = [line for (line,) in connection.execute("PRAGMA integrity_check") if line != "ok"]
            harms += [f"{table}: a row of no case" for table, *_ in connection.execute("PRAGMA foreign_key_check")]
            for table in TABLES:
                columns = ", ".join(_columns(connection, table))
                query = f"SELECT count(*) FROM {table} WHERE sum IS NULL OR sum != sum_of({columns})"
                if count := connection.execute(query).fetchone()[0]:
                    harms.append(f"{table}: {count} rows are not what was written")
            for name, data, digest in connection.execute(
                "SELECT id, data, sha256 FROM pictures WHERE data IS NOT NULL"
            ):
                if hashlib.sha256(data).hexdigest() != digest:
                    harms.append(f"picture {name} is not what was written")
        return harms

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except GalleryFull as error:
            raise CasesUnusable(f"{error}; nothing was changed", full=True) from error
        except GalleryError as error:
            if type(error.__cause__).__name__ == "IntegrityError":
                raise NotNow("the case was changed or deleted by somebody else just now; look at it again") from error
            raise CasesUnusable(str(error)) from error


def _connected(file: Path) -> Connection:
    connection = Connection.open(file, words=WORDS, timeout=BUSY_S)
    try:
        connection.create_function("sum_of", -1, sum_of, deterministic=True)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # what was acknowledged survives a power cut, too
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # what is removed is overwritten
    except BaseException:
        connection.close()
        raise
    return connection


def _columns(connection: Connection, table: str) -> list[str]:
    return [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})") if name != "sum"]


def _sum_rows(connection: Connection, table: str) -> None:
    """Every row of a table gets a sum of its values, whoever writes it by this class."""
    columns = _columns(connection, table)
    keys = [name for _, name, *_, key in connection.execute(f"PRAGMA table_info({table})") if key]
    same = " AND ".join(f"{key} = new.{key}" for key in keys)
    total = f"UPDATE {table} SET sum = sum_of({', '.join(f'new.{name}' for name in columns)}) WHERE {same}"
    connection.execute(f"ALTER TABLE {table} ADD COLUMN sum INTEGER")
    connection.execute(f"CREATE TRIGGER {table}_added AFTER INSERT ON {table} BEGIN {total}; END")
    connection.execute(
        f"CREATE TRIGGER {table}_changed AFTER UPDATE OF {', '.join(columns)} ON {table} BEGIN {total}; END"
    )


def _place(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
