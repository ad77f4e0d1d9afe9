"""Do the gallery's file and its journal belong together?

SQLite replays any journal that lies beside a file, also that of a newer file over an older one that was put in its place. So
each time the journal was emptied after an erasure, the file gets another session, drawn by chance, which everything in the
journal from then on carries on.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import quote

from rgbir.index.errors import GalleryCorrupt, GalleryError
from rgbir.index.gallery.folder.connection import Connection
from rgbir.index.gallery.folder.schema import read_meta, write_meta


class Session(NamedTuple):
    """What a connection sees.

    Attributes:
        name: the session's, drawn by chance; empty until the journal was emptied after an erasure.
        before, base: the session before, and the generation at which this one began.
        generation: the gallery's now.
    """

    name: str
    before: str
    base: int
    generation: int

    @classmethod
    def seen(cls, connection: Connection) -> Self:
        meta = read_meta(connection, "session", "session_before", "session_base", "generation")
        base = int(meta.get("session_base", "0"))
        return cls(meta.get("session", ""), meta.get("session_before", ""), base, int(meta["generation"]))

    def follows(self, file: Session) -> bool:
        """Whether what is seen with the journal was written over that file."""
        return self.name == file.name or (self.before == file.name and self.base == file.generation)


def of_file(file: Path) -> Session | None:
    """What the file says without its journal; None where it says nothing by itself, since half of a journal was brought in."""
    connection = Connection.open(file, f"file:{quote(str(file.resolve()))}?immutable=1")
    try:
        return Session.seen(connection)
    except (GalleryCorrupt, KeyError):
        return None
    finally:
        connection.close()


def same(connection: Connection, file: Path, least: int) -> int | None:
    """Whether an open connection sees what was written over the file that is there. Others may write meanwhile.

    Args:
        least: the generation of the file when it was last looked at.

    Returns:
        Its generation now, `least` while it can't be told; None if it is another file's content, or an older one's.
    """
    for _ in range(10):
        seen, there = Session.seen(connection), of_file(file)
        if there is None:
            return least
        if seen.follows(there) and least <= there.generation <= seen.generation:
            return there.generation
        time.sleep(0.002)
    return None


def check_journal(file: Path, journal: Path) -> None:
    """Whether the journal that a crash left is this file's.

    Raises:
        GalleryCorrupt: it is another file's.
    """
    try:
        if not journal.stat().st_size:
            return
    except OSError:
        return
    alone = of_file(file)
    if alone is None:  # a checkpoint was killed: it needs the journal, as no whole file would
        return
    # A connection that can't write changes neither of the two, not even when it is closed.
    connection = Connection.open(file, f"file:{quote(str(file.resolve()))}?mode=ro", timeout=30)
    try:
        whole = Session.seen(connection)
    except GalleryCorrupt:
        raise
    except GalleryError:
        return  # who opens it tells why it can't be
    finally:
        connection.close()
    if not whole.follows(alone):
        raise GalleryCorrupt(
            f"{journal.name} in {file.parent} is the journal of another file, which lay there before: opened together they would mix"
            f" what was erased with what is there. Move {journal.name} away, or put back the {file.name} that it belongs to"
        )


def renew(connection: Connection) -> None:
    """Another session, within a transaction. The journal is empty."""
    now = Session.seen(connection)
    write_meta(connection, session=secrets.token_hex(8), session_before=now.name, session_base=str(now.generation))
