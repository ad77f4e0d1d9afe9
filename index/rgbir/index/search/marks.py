"""What people's marks do to the next search: confirmed hits become shots, and who looks like a rejected one goes to the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rgbir.index.gallery.query import Answer
from rgbir.index.metric import Metric

NEIGHBOURS = 5
"""Among at most so many nearest of each other two hits are taken for one person."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What a person decided about sightings.

    Attributes:
        same, different: ids of those that show whom the search is for, and of those that show somebody else.
    """

    same: tuple[str, ...] = ()
    different: tuple[str, ...] = ()


def twins(
    metric: Metric, rows: NDArray[np.float32], anchors: Sequence[int], neighbours: int = NEIGHBOURS
) -> NDArray[np.bool_]:
    """Which rows are among the nearest of an anchor, and have that anchor among their own nearest.

    Args:
        rows: float32 (n, d), prepared.
        anchors: places of some of them.
        neighbours: how many nearest count, the row itself not among them.

    Returns:
        bool (n,). An anchor is its own twin.
    """
    twin = np.zeros(len(rows), bool)
    twin[list(anchors)] = True
    if len(rows) < 2 or not len(anchors):
        return twin
    near: dict[int, set[int]] = {}

    def nearest(place: int) -> set[int]:
        if place not in near:
            keys = metric.keys(rows[place], rows)
            keys[place] = np.inf
            near[place] = set(np.argsort(keys, kind="stable")[: min(neighbours, len(rows) - 1)].tolist())
        return near[place]

    for anchor in anchors:
        for other in nearest(anchor):
            if anchor in nearest(other):
                twin[other] = True
    return twin


def pushed_back(answer: Answer, rows: NDArray[np.float32], metric: Metric, marks: Marks) -> Answer:
    """Hits that were marked different, and their twins among the hits, behind the others; each block keeps its order.

    A hit that was marked same, and a twin of one, stays where it is, unless it was marked different itself. Twins are among each
    other's `NEIGHBOURS` nearest, or a third of the other hits where there are few: else all of a few hits would be twins.

    Args:
        rows: float32 (hits, d), the hits' embeddings, prepared.
    """
    places = {hit.id: place for place, hit in enumerate(answer.hits)}
    rejected = [places[name] for name in marks.different if name in places]
    confirmed = [places[name] for name in marks.same if name in places]
    neighbours = min(NEIGHBOURS, max(0, len(rows) - 1) // 3)
    back = twins(metric, rows, rejected, neighbours) & ~twins(metric, rows, confirmed, neighbours)
    back[rejected] = True
    return _ordered(answer, back)


def rejected_last(answer: Answer, marks: Marks) -> Answer:
    """Hits that were marked different themselves behind all others, their twins and what can't be walked to included."""
    rejected = set(marks.different)
    return _ordered(answer, [hit.id in rejected for hit in answer.hits])


def _ordered(answer: Answer, keys: Sequence[bool] | NDArray[np.bool_]) -> Answer:
    hits = [answer.hits[place] for place in np.argsort(np.asarray(keys, bool), kind="stable").tolist()]
    return replace(answer, hits=tuple(replace(hit, rank=rank) for rank, hit in enumerate(hits, start=1)))
