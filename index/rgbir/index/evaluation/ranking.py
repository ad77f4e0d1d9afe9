"""What one ranked gallery is worth to each query: where its identity stands, average precision, inverse penalty."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.datasets.protocol import ApRule, CmcLevel
from rgbir.index.nearest.comparison import Ranked

Rank = Callable[[NDArray[np.int64]], Ranked]
"""Rows of a task's queries → the gallery's rows in their order."""


class Outcomes(NamedTuple):
    """What each query contributes. A query is valid if it may see a row of its identity.

    Attributes:
        rank: int64 (q,), from 0; -1 for an invalid query.
        ap, inp: float64 (q,), average precision and inverse penalty in 0..1; 0 for an invalid query.
    """

    rank: NDArray[np.int64]
    ap: NDArray[np.float64]
    inp: NDArray[np.float64]

    def some(self, queries: NDArray[np.int64]) -> Outcomes:
        """Of these queries, by their numbers int64 (m,), in that order."""
        return Outcomes(self.rank[queries], self.ap[queries], self.inp[queries])


def outcomes(
    ranked: NDArray[np.integer],
    wanted: NDArray[np.integer],
    identities: int,
    hidden: NDArray[np.bool_] | None = None,
    *,
    cmc: CmcLevel = "identity",
    ap: ApRule = "rectangle",
) -> Outcomes:
    """Measures galleries that are in order already.

    Args:
        ranked: (q, n), the identities of the rows from the most alike on, numbered 0..identities - 1.
        wanted: (q,), the queries' identities in the same numbers; -1 is in no gallery.
        identities: how many there are.
        hidden: (q, n), True where the row at that place may not be seen; it leaves no gap.
        cmc: `identity` keeps each identity's best row only before ranks are counted; `image` counts rows.
        ap: how average precision is integrated.
    """
    queries = len(ranked)
    matches = ranked == wanted[:, None]
    if hidden is not None:
        matches &= ~hidden
    query, column = np.nonzero(matches)
    count = np.bincount(query, minlength=queries)
    start = np.cumsum(count) - count
    place = column + 1
    if hidden is not None:
        place = place - np.cumsum(hidden, axis=1, dtype=np.int32)[query, column]
    before = np.arange(len(query)) - start[query]
    precision = (before + 1) / place
    if ap == "trapezoid":
        precision = (precision + np.where(place == 1, 1.0, before / np.maximum(place - 1, 1))) / 2
    average = np.bincount(query, weights=precision, minlength=queries) / np.maximum(count, 1)
    valid = np.flatnonzero(count)
    rank, penalty = np.full(queries, -1, np.int64), np.zeros(queries)
    penalty[valid] = count[valid] / place[start[valid] + count[valid] - 1]
    first = start[valid]
    if cmc == "image":
        rank[valid] = place[first] - 1
    else:
        rank[valid] = _strangers_before(
            ranked[valid], column[first], identities, None if hidden is None else hidden[valid]
        )
    return Outcomes(rank, average, penalty)


def _strangers_before(
    ranked: NDArray[np.integer], column: NDArray[np.int64], identities: int, hidden: NDArray[np.bool_] | None
) -> NDArray[np.int64]:
    """How many different identities stand before that column, of each query, (q,)."""
    query = np.repeat(np.arange(len(column)), column)
    place = np.arange(len(query)) - np.repeat(np.cumsum(column) - column, column)
    names = ranked[query, place]
    if hidden is not None:
        seen = ~hidden[query, place]
        query, names = query[seen], names[seen]
    there = np.zeros((len(column), identities), bool)
    there[query, names] = True
    return np.asarray(there.sum(axis=1), np.int64)
