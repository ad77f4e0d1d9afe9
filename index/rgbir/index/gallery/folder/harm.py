"""What in the gallery's file isn't what was written."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from rgbir.index.gallery.folder.connection import Connection
from rgbir.index.gallery.folder.schema import LABELS, sum_of
from rgbir.index.times import in_calendar


def harm(connection: Connection, dimension: int, dtype: np.dtype[Any], format: int) -> Iterator[str]:
    """In words: pages, embeddings, labels and crops.

    Raises:
        GalleryCorrupt: the file can't be read further.
    """
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"SQLite: {line}"
    for row, blob, checksum in connection.execute("SELECT row, embedding, checksum FROM sightings"):
        if len(blob) != dtype.itemsize * dimension or zlib.crc32(blob) != checksum:
            yield f"row {row}: the embedding is not what was written"
        elif not np.isfinite(np.frombuffer(blob, dtype)).all():
            yield f"row {row}: the embedding is not finite"
    if format >= 4:
        yield from _labels(connection)
        yield from _crops(connection)


def out_of_calendar(connection: Connection) -> Iterator[str]:
    """Moments that an older version let in, in words; they are what was written."""
    for row, taken_at in connection.execute("SELECT row, taken_at FROM sightings"):
        if not in_calendar(taken_at):
            yield f"row {row}: taken_at is out of the calendar; erase it, and enrol it anew with its time put right"


def _labels(connection: Connection) -> Iterator[str]:
    """Text is compared as bytes, whatever they are."""
    labels = ", ".join(f"CAST({name} AS BLOB)" for name in LABELS)
    query = f"SELECT sightings.row, sums.labels, {labels} FROM sightings LEFT JOIN sums USING (row)"
    for row, total, *own in connection.execute(query):
        if total is None or sum_of(*own) != total:
            yield f"row {row}: the labels are not what was written"


def _crops(connection: Connection) -> Iterator[str]:
    query = (
        "SELECT row, CAST(media_type AS BLOB), CAST(data AS BLOB), sums.crop FROM sums LEFT JOIN crops USING (row)"
        " WHERE sums.crop IS NOT NULL"
        " UNION ALL SELECT row, NULL, NULL, NULL FROM crops WHERE row NOT IN (SELECT row FROM sums WHERE crop IS NOT NULL)"
    )
    for row, media_type, data, total in connection.execute(query):
        if total is None or data is None or sum_of(media_type, data) != total:
            yield f"row {row}: the crop is not what was written"
