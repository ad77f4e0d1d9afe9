"""Is the gallery's file what was written, and do the store and the search hold the same?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rgbir.index.errors import GalleryCorrupt
from rgbir.index.gallery.folder.schema import sum_of
from rgbir.index.gallery.folder.store import Store
from rgbir.index.nearest.slabs import Slab
from rgbir.index.nearest.view import View
from rgbir.index.times import in_calendar


def harm(store: Store) -> Iterator[str]:
    """What SQLite and the checksums find wrong with pages, embeddings, labels and crops, in words; all of it, as far as the file
    can be read."""
    try:
        yield from (f"SQLite: {line}" for line in store.integrity() if line != "ok")
        for row, blob, checksum in store.blobs():
            if not store.intact(blob, checksum):
                yield f"row {row}: the embedding is not what was written"
            elif not np.isfinite(np.frombuffer(blob, store.dtype)).all():
                yield f"row {row}: the embedding is not finite"
        for row, total, *labels in store.summed_labels():
            if total is None or sum_of(*labels) != total:
                yield f"row {row}: the labels are not what was written"
        for row, total, media_type, data in store.summed_crops():
            if total is None or data is None or sum_of(media_type, data) != total:
                yield f"row {row}: the crop is not what was written"
    except GalleryCorrupt as error:
        yield str(error)


def out_of_calendar(store: Store) -> Iterator[str]:
    """Moments that an older version let in, in words; they are what was written."""
    for row, taken_at in store.moments():
        if not in_calendar(taken_at):
            yield f"row {row}: taken_at is out of the calendar; erase it, and enrol it again with its time put right"


def disagreements(view: View, store: Store) -> list[str]:
    """Row by row, in words; none if the view's slabs are what the store holds.

    Raises:
        GalleryCorrupt: a row of the store is not what was written.
        CacheDamaged: a row of the cache isn't.
    """
    problems = []
    searchable: dict[int, tuple[Slab, int]] = {}
    for slab in view.slabs(view.cameras):
        searchable |= {int(row): (slab, place) for place, row in enumerate(slab.rows)}
    for vector in store.vectors(until=view.mark.last_row):
        copy = searchable.pop(vector.row, None)
        if copy is None:
            problems.append(f"row {vector.row} is in SQLite and not in the search")
        elif not np.array_equal(copy[0].vectors[copy[1]], vector.embedding):
            problems.append(f"row {vector.row} differs between SQLite and the search")
    return problems + [f"row {row} is in the search and not in SQLite" for row in searchable]
