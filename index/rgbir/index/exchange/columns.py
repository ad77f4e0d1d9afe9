"""The columns of a table of sightings: what each is called, and how a sighting's values look in a file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC

from rgbir.index.errors import UsageError
from rgbir.index.gallery.sightings import Sighting, box_in
from rgbir.index.words import did_you_mean, listed

LONGEST = {
    "id": 1024,
    "camera": 256,
    "track": 1024,
    "source": 8192,
    "digest": 128,
    "frame": 8192,
    "box": 64,
    "modality": 8,
    "taken_at": 64,
}
"""Columns of text, and the bytes in UTF-8 that a cell may have; what a gallery in Milvus keeps, which has the least room."""
WHOLE = ("identity", "since")
"""Columns of whole numbers."""
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Characters that no terminal and no table should be given."""
EMBEDDING = "embedding"
COLUMNS = (*LONGEST, *WHOLE)
"""All columns but the embedding."""
WRITTEN = ("id", "camera", "identity", "taken_at", "track", "source", "digest", "since", "frame", "box")
"""Those that an export has, in its order."""

Cell = str | int | None


def expect_known(columns: Iterable[str], also: Iterable[str] = ()) -> None:
    """Refuses columns that nothing reads.

    Args:
        also: names that are known beside `COLUMNS`.

    Raises:
        UsageError: there is one, or one stands there twice.
    """
    names, known = list(columns), {*COLUMNS, *also}
    unknown = sorted(set(names) - known)
    if unknown:
        shown = [name[:60] for name in unknown]
        raise UsageError(
            f"it has {listed(shown, most=8)}, which nothing reads here; leave it out. Known are"
            f" {listed(sorted(known))}{did_you_mean(shown[0], known)}"
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"it has {listed(twice)} twice; leave one of them out")


def cells_of(sighting: Sighting) -> dict[str, Cell]:
    """A sighting's values by `WRITTEN`: times in ISO 8601 and UTC, a box as left,top,right,bottom, None where unknown."""
    box = box_in(sighting.frame)
    return {
        "id": sighting.id,
        "camera": sighting.camera,
        "identity": sighting.identity,
        "taken_at": None if sighting.taken_at is None else sighting.taken_at.astimezone(UTC).isoformat(),
        "track": sighting.track,
        "source": sighting.source,
        "digest": sighting.digest,
        "since": sighting.since,
        "frame": sighting.frame,
        "box": None if box is None else ",".join(map(str, box)),
    }
