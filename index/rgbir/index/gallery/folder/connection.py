"""A connection to SQLite whose failures are ours, at whatever row they show.

What the gallery uses is translated: statements, scripts, rows one by one or in a loop, and copies. A store of another kind opens its
file by the same class, with words of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Self

from rgbir.index.errors import GalleryBusy, GalleryCorrupt, GalleryError, GalleryFull

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_NO_ROOM = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_FSYNC}
_CLOSED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_CANTOPEN}


class Words(NamedTuple):
    """How a file is spoken of that SQLite can't read.

    Attributes:
        thing: what it should be.
        advice: what to do where it is damaged.
    """

    thing: str
    advice: str


OF_A_GALLERY = Words("gallery", "`rgbir index verify` tells the extent, restore a backup")


def translated(error: sqlite3.Error, file: Path | str, words: Words = OF_A_GALLERY) -> GalleryError:
    """What SQLite says, in words that tell what to do.

    Returns:
        GalleryCorrupt for a damaged file, GalleryBusy for one that another program holds, GalleryFull where no room is left, else a GalleryError.
    """
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED or str(error).startswith("Could not decode"):
        return GalleryCorrupt(f"{file} is not a readable {words.thing}: {error}; {words.advice}")
    if code in _LOCKED:
        return GalleryBusy(f"another program holds {file}: {error}; wait until it is done, or stop it")
    if code == sqlite3.SQLITE_FULL or getattr(error, "sqlite_errorcode", 0) in _NO_ROOM:
        return GalleryFull(f"{file}: {error}; is the disk full? Free some space and try again")
    if code in _CLOSED:
        return GalleryError(f"{file}: {error}; is the medium read-only, or the folder closed to this user?")
    if code == sqlite3.SQLITE_IOERR:
        return GalleryError(f"{file}: {error}; is the disk full, or does the medium fail?")
    return GalleryError(f"{file}: {error}")


class OurErrors:
    """A context in which SQLite's errors become ours, which name a file. A read of a million rows enters it a million times."""

    def __init__(self, file: Path | str, words: Words = OF_A_GALLERY) -> None:
        self.file, self.words = file, words

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise translated(error, self.file, self.words) from error


class Connection(sqlite3.Connection):
    """As `sqlite3.connect` makes it; not for several threads at once.

    Attributes:
        errors: whatever asks SQLite does so in this context.
    """

    errors: OurErrors

    @classmethod
    def open(cls, file: Path, address: str | None = None, words: Words = OF_A_GALLERY, **options: Any) -> Self:
        """Connects, in autocommit mode.

        Args:
            address: a URI of the file, in place of its path.
            words: how it is spoken of.

        Raises:
            GalleryError: it can't be opened.
        """
        with OurErrors(file, words):
            made = sqlite3.connect(
                address or file,
                isolation_level=None,
                check_same_thread=False,
                factory=cls,
                uri=address is not None,
                **options,
            )
        made.errors = OurErrors(file, words)
        return made

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(Cursor)

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any]) -> Any:
        return self.cursor().executemany(sql, parameters)

    def executescript(self, sql_script: str) -> Any:
        return self.cursor().executescript(sql_script)

    def copy_to(self, target: Connection) -> None:
        """Copies the whole database as of one moment.

        Raises:
            GalleryError: this can't be read, or the other written.
        """
        with OurErrors(f"the copy of {self.errors.file} in {target.errors.file}", self.errors.words):
            self.backup(target)


class Cursor(sqlite3.Cursor):
    """Rows of a `Connection`."""

    connection: Connection

    def execute(self, sql: str, parameters: Any = ()) -> Self:
        with self.connection.errors:
            return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any]) -> Self:
        with self.connection.errors:
            return super().executemany(sql, parameters)

    def executescript(self, sql_script: str) -> Self:
        with self.connection.errors:
            super().executescript(sql_script)
        return self

    def fetchone(self) -> Any:
        with self.connection.errors:
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with self.connection.errors:
            return super().fetchall()

    def __next__(self) -> Any:
        with self.connection.errors:
            return super().__next__()
