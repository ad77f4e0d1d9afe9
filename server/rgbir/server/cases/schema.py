"""How the file of cases is laid out."""

from __future__ import annotations

FORMAT = "1"
FILE = "cases.sqlite3"

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
-- All moments are microseconds since 1970, UTC.
CREATE TABLE cases (
    id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    purpose TEXT NOT NULL,
    basis TEXT NOT NULL,
    owner TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    keep_until INTEGER NOT NULL,
    closed_at INTEGER,
    approver TEXT,                              -- the only one who may approve; NULL is any other administrator
    asked_at INTEGER,                           -- since when an approval is waited for; NULL where none is needed
    approved_at INTEGER,
    approved_by TEXT,
    refused_at INTEGER,
    held_at INTEGER,                            -- a legal hold
    held_by TEXT,
    held_why TEXT
) WITHOUT ROWID;
CREATE TABLE people (
    case_id TEXT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    part TEXT NOT NULL,                         -- reader or worker
    looked INTEGER NOT NULL DEFAULT 0,          -- the last search that this person has seen
    PRIMARY KEY (case_id, name)
) WITHOUT ROWID;
CREATE TABLE pictures (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    case_id TEXT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,                         -- query or hit
    name TEXT NOT NULL,                         -- of the file, or where the sighting came from
    sighting TEXT,                              -- a hit's id in the gallery
    camera TEXT,
    modality TEXT,
    taken_at INTEGER,
    identity INTEGER,
    track TEXT,
    frame TEXT,                                 -- JSON: where in which recording
    box TEXT,                                   -- JSON: where the person is in a query
    digest TEXT,                                -- of the image and its box, as the gallery names it
    since INTEGER NOT NULL,                     -- the gallery's moment when it was copied: later erasures bind it
    media_type TEXT,
    data BLOB,
    sha256 TEXT,                                -- of data
    embedding BLOB,                             -- float32, little endian
    fingerprint TEXT,                           -- of the model that it is of
    added_at INTEGER NOT NULL,
    added_by TEXT NOT NULL,
    due_at INTEGER,                             -- erased elsewhere then; a hold keeps it here, and nobody sees it
    erased_at INTEGER
);
CREATE INDEX pictures_case ON pictures (case_id);
CREATE TABLE searches (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id TEXT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    content TEXT NOT NULL,                      -- JSON: shots, options, answer
    hits TEXT NOT NULL,                         -- JSON: id, identity and track of each hit, and the sighting it was like
    new INTEGER NOT NULL,                       -- how many of them no earlier search of the case had
    hidden TEXT NOT NULL DEFAULT '[]'           -- JSON: ids that a hold keeps here, and nobody is shown
);
CREATE INDEX searches_case ON searches (case_id);
CREATE TABLE marks (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id TEXT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    picture TEXT NOT NULL REFERENCES pictures (id),
    mark TEXT NOT NULL,                         -- same, different or unsure
    note TEXT NOT NULL,
    who TEXT NOT NULL,
    at INTEGER NOT NULL,
    search INTEGER,                             -- in whose answer it was
    rank INTEGER,
    strangers REAL,
    withdrawn_at INTEGER,
    withdrawn_by TEXT
);
CREATE INDEX marks_case ON marks (case_id);
CREATE TABLE notes (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id TEXT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    who TEXT NOT NULL,
    at INTEGER NOT NULL
);
CREATE INDEX notes_case ON notes (case_id);
-- Pictures that look like somebody who was erased: a person decides.
CREATE TABLE near (
    picture TEXT NOT NULL REFERENCES pictures (id) ON DELETE CASCADE,
    case_id TEXT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    erased_at INTEGER NOT NULL,
    distance REAL NOT NULL,
    PRIMARY KEY (picture, erased_at)
) WITHOUT ROWID;
-- Erasures that a hold is in the way of: one administrator asks, another decides.
CREATE TABLE erasures (
    id TEXT PRIMARY KEY,
    conditions TEXT NOT NULL,                   -- JSON; without ids once it is decided
    reason TEXT NOT NULL,
    who TEXT NOT NULL,
    at INTEGER NOT NULL,
    decided_by TEXT,
    decided_at INTEGER,
    approved INTEGER,
    removed INTEGER
) WITHOUT ROWID;
-- Draws of pairs for people to judge; no case has part in them.
CREATE TABLE judgements (
    id TEXT PRIMARY KEY,
    query_camera TEXT NOT NULL,
    other_camera TEXT NOT NULL,
    asked INTEGER NOT NULL,                     -- pairs that were asked for
    seed INTEGER NOT NULL,
    since INTEGER NOT NULL,                     -- the gallery's moment of the draw: later erasures bind it
    made_at INTEGER NOT NULL,
    made_by TEXT NOT NULL,
    used_at INTEGER,                            -- since when the calibration has it
    used_by TEXT
) WITHOUT ROWID;
CREATE TABLE judged_pairs (
    task TEXT NOT NULL REFERENCES judgements (id) ON DELETE CASCADE,
    n INTEGER NOT NULL,
    query TEXT NOT NULL,                        -- ids in the gallery
    other TEXT NOT NULL,
    weight REAL NOT NULL,
    swapped INTEGER NOT NULL,                   -- the query's is on the right
    PRIMARY KEY (task, n)
) WITHOUT ROWID;
CREATE TABLE judged_answers (
    task TEXT NOT NULL,
    n INTEGER NOT NULL,
    who TEXT NOT NULL,
    answer TEXT NOT NULL,                       -- same, different or unsure
    at INTEGER NOT NULL,
    PRIMARY KEY (task, n, who),
    FOREIGN KEY (task, n) REFERENCES judged_pairs (task, n) ON DELETE CASCADE
) WITHOUT ROWID;
-- Names of the gallery's erasures that were heeded here.
CREATE TABLE heeded (uid TEXT PRIMARY KEY) WITHOUT ROWID;
"""
