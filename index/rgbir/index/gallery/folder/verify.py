"""Do the store and the search hold the same?"""

from __future__ import annotations

import numpy as np

from rgbir.index.gallery.folder.store import Store
from rgbir.index.nearest.slabs import Slab
from rgbir.index.nearest.view import View


def disagreements(view: View, store: Store) -> list[str]:
    """Row by row, in words; none if the view's slabs are what the store holds.

    Raises:
        GalleryCorrupt: a row of the store is not what was written.
        CacheDamaged: a row of the cache isn't.
    """
    problems = []
    held: dict[int, tuple[Slab, int]] = {}
    for slab in view.slabs(view.cameras):
        held |= {int(row): (slab, place) for place, row in enumerate(slab.rows)}
    for vector in store.vectors(until=view.mark.last_row):
        found = held.pop(vector.row, None)
        if found is None:
            problems.append(f"row {vector.row} is in SQLite and not in the search")
        elif not np.array_equal(found[0].vectors[found[1]], vector.embedding):
            problems.append(f"row {vector.row} differs between SQLite and the search")
    return problems + [f"row {row} is in the search and not in SQLite" for row in held]
