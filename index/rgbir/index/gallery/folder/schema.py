"""How a gallery's file is laid out, how older ones are brought up to date, and the table of what it says of itself."""

from __future__ import annotations

import zlib
from typing import Any

from rgbir.index.gallery.folder.connection import Connection

FORMAT, MOVED = 4, 5
"""Of a new gallery; and of one whose network has what versions up to format 4 don't know, such as cameras that moved."""
LABELS = ("id", "camera", "taken_at", "identity", "track", "source", "digest", "since", "frame")

_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sightings (
    row INTEGER PRIMARY KEY AUTOINCREMENT,      -- enrolment order; never given twice
    id TEXT NOT NULL UNIQUE,
    camera TEXT NOT NULL,
    taken_at INTEGER,                           -- microseconds since 1970, UTC
    identity INTEGER,
    track TEXT,
    source TEXT NOT NULL,
    digest TEXT NOT NULL,
    embedding BLOB NOT NULL,                    -- little endian, as `storage` in meta says
    checksum INTEGER NOT NULL,                  -- crc32 of embedding
    since INTEGER NOT NULL DEFAULT 0,           -- microseconds since 1970: the moment since which it is known
    frame TEXT                                  -- JSON: where in which recording
);
CREATE INDEX sightings_camera ON sightings (camera, identity, taken_at);
CREATE INDEX sightings_identity ON sightings (identity) WHERE identity IS NOT NULL;
CREATE INDEX sightings_track ON sightings (track) WHERE track IS NOT NULL;
CREATE INDEX sightings_taken_at ON sightings (taken_at) WHERE taken_at IS NOT NULL;
CREATE TABLE crops (
    row INTEGER PRIMARY KEY REFERENCES sightings (row) ON DELETE CASCADE,
    media_type TEXT NOT NULL,
    data BLOB NOT NULL
);
-- What left the gallery, so that a reader can follow: row numbers only, nothing of the person.
CREATE TABLE removals (number INTEGER PRIMARY KEY AUTOINCREMENT, row INTEGER NOT NULL, camera TEXT NOT NULL);
"""

_ADDED_IN_4 = """
-- crc32 of what a person reads: the labels, and the crop with its media type.
CREATE TABLE sums (
    row INTEGER PRIMARY KEY REFERENCES sightings (row) ON DELETE CASCADE,
    labels INTEGER NOT NULL,
    crop INTEGER
);
-- What was erased, and when. Of the erased themselves nothing but salted hashes of their ids.
CREATE TABLE erasures (uid TEXT PRIMARY KEY, at INTEGER NOT NULL, condition TEXT, salt TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE erased (id TEXT NOT NULL, uid TEXT NOT NULL REFERENCES erasures (uid), PRIMARY KEY (id, uid)) WITHOUT ROWID;
"""

SCHEMA = _FIRST + _ADDED_IN_4


MIGRATIONS = {
    1: (
        "CREATE INDEX sightings_track ON sightings (track) WHERE track IS NOT NULL",
        "CREATE INDEX sightings_taken_at ON sightings (taken_at) WHERE taken_at IS NOT NULL",
    ),
    2: (
        "INSERT INTO meta VALUES ('storage', 'float32') ON CONFLICT (key) DO NOTHING",
        "DROP INDEX sightings_camera",
        "CREATE INDEX sightings_camera ON sightings (camera, identity, taken_at)",
    ),
    3: (
        "INSERT INTO meta VALUES ('salt', lower(hex(randomblob(16))))",
        "ALTER TABLE sightings ADD COLUMN since INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE sightings ADD COLUMN frame TEXT",
        *(step for step in _ADDED_IN_4.split(";") if step.strip()),
        f"INSERT INTO sums SELECT row, sum_of({', '.join(LABELS)}), (SELECT sum_of(media_type, data) FROM crops"
        " WHERE crops.row = sightings.row) FROM sightings",
    ),
}
"""What brings a gallery of a format to the next. What was there before format 4 is summed as it is found then."""


def sum_of(*values: Any) -> int | None:
    """crc32 of an SQL row's values and of where each ends, text as its bytes; None where there is nothing but NULL."""
    if all(value is None for value in values):
        return None
    parts = []
    for value in values:
        content = b"" if value is None else value if isinstance(value, bytes) else str(value).encode()
        parts += [b"-" if value is None else b"%d:" % len(content), content]
    return zlib.crc32(b"".join(parts))


def readable() -> set[str]:
    """Older formats can be read as they are, on a medium that can't be written."""
    return {str(number) for number in range(1, MOVED + 1)}


def read_meta(connection: Connection, *keys: str) -> dict[str, str]:
    """What the gallery says of itself: under these keys, as far as they are there, or all of it."""
    which = f"WHERE key IN ({', '.join('?' * len(keys))})" if keys else ""
    return dict(connection.execute(f"SELECT key, value FROM meta {which}", keys))


def write_meta(connection: Connection, **entries: str) -> None:
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", entries.items())
