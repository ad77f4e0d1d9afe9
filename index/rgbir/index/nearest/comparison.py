"""All keys between queries and a gallery at the speed of a matrix product, in the order that exact keys have."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.metric import Metric

_ROUNDING = float(np.finfo(np.float64).eps)


class Ranked(NamedTuple):
    """Some queries' galleries in order.

    Attributes:
        keys: float64 (q, n), smaller is more alike.
        order: int32 (q, n), row numbers from the most alike on; rows with equal keys in any order.
        tied: bool (q,), whether a query has equal keys.
    """

    keys: NDArray[np.float64]
    order: NDArray[np.int32]
    tied: NDArray[np.bool_]

    @classmethod
    def of(cls, keys: NDArray[np.float64]) -> Ranked:
        """Sorts keys (q, n); a NaN stays where it is."""
        order = np.argsort(keys, axis=1)
        return cls(keys, order.astype(np.int32), _gaps(keys, order) == 0)


class Comparison:
    """A gallery to compare blocks of queries with.

    A float64 product is off by a known bound at most. Where two rows' keys are too near for it to tell which comes first,
    both are computed again in the one arithmetic that decides orders everywhere (`Metric.keys`).

    Args:
        metric: the distance.
        gallery: float32 (n, d), unprepared.
    """

    def __init__(self, metric: Metric, gallery: NDArray[np.float32]) -> None:
        self.metric = metric
        self.rows = metric.prepare(gallery)
        wide = self.rows.astype(np.float64)
        self._squares = np.einsum("ij,ij->i", wide, wide)
        wide *= -2 if metric is Metric.EUCLIDEAN else -1
        self._turned = wide.T

    def ranked(self, queries: NDArray[np.float32]) -> Ranked:
        """Unprepared queries (q, d): orders and ties are those of the exact keys."""
        prepared = self.metric.prepare(queries)
        wide = prepared.astype(np.float64)
        keys = wide @ self._turned
        squares = np.einsum("ij,ij->i", wide, wide)
        if self.metric is Metric.EUCLIDEAN:
            keys += self._squares
            keys += squares[:, None]
        else:
            keys += 1.0
        longest = float(self._squares.max(initial=0.0))
        # Twice the classical bound of a dot product's error, for both ways of computing, of values up to (|q| + |r|)².
        slack = 4 * (wide.shape[1] + 8) * _ROUNDING * (np.sqrt(squares) + np.sqrt(longest)) ** 2
        order = np.argsort(keys, axis=1)
        gaps = _gaps(keys, order)
        for query in np.flatnonzero(~(gaps > 2 * slack)):
            self._settle(keys[query], prepared[query], order[query], 2 * float(slack[query]))
            order[query] = np.argsort(keys[query])
            gaps[query] = _gaps(keys[query : query + 1], order[query : query + 1])[0]
        return Ranked(keys, order.astype(np.int32), gaps == 0)

    def keys(self, queries: NDArray[np.float32]) -> NDArray[np.float64]:
        """Keys (q, n) alone."""
        return self.ranked(queries).keys

    def _settle(
        self, keys: NDArray[np.float64], query: NDArray[np.float32], order: NDArray[np.int64], gap: float
    ) -> None:
        """Replaces keys that have a neighbour nearer than `gap` by exact ones."""
        near = np.diff(keys[order]) <= gap
        doubtful = order[np.append(near, False) | np.append(False, near)]
        keys[doubtful] = self.metric.keys(query, self.rows[doubtful])


def _gaps(keys: NDArray[np.float64], order: NDArray[np.int64]) -> NDArray[np.float64]:
    """The least difference between neighbours in order, of each query; infinite where there are no two."""
    ascending = np.take_along_axis(keys, order, axis=1)
    with np.errstate(invalid="ignore"):  # two infinities are equal keys
        steps = np.subtract(ascending[:, 1:], ascending[:, :-1])
    steps[np.isnan(steps)] = 0.0
    return np.asarray(steps.min(axis=1, initial=np.inf), np.float64)
