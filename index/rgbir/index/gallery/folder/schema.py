"""How a gallery's file is laid out, and how older ones are brought up to date."""

from __future__ import annotations

FORMAT = 3

SCHEMA = """
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
    checksum INTEGER NOT NULL                   -- crc32 of embedding
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
}
"""What brings a gallery of a format to the next."""


def readable() -> set[str]:
    """Older formats can be read as they are, on a medium that can't be written."""
    return {str(number) for number in range(1, FORMAT + 1)}
