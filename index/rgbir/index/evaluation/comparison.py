"""All keys between queries and a gallery at the speed of a matrix product, in the order that exact keys have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rgbir.index.metric import Metric

_ROUNDING = float(np.finfo(np.float64).eps)


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
        self._wide = self.rows.astype(np.float64)
        self._squares = np.einsum("ij,ij->i", self._wide, self._wide)

    def keys(self, queries: NDArray[np.float32]) -> NDArray[np.float64]:
        """Keys (q, n) of unprepared queries (q, d); each row's order, ties included, is that of the exact keys."""
        prepared = self.metric.prepare(queries)
        wide = prepared.astype(np.float64)
        keys = wide @ self._wide.T
        own = np.einsum("ij,ij->i", wide, wide)
        if self.metric is Metric.EUCLIDEAN:
            keys *= -2
            keys += self._squares
            keys += own[:, None]
        else:
            np.subtract(1.0, keys, out=keys)
        longest = float(self._squares.max(initial=0.0))
        # Twice the classical bound of a dot product's error, for both ways of computing, of values up to (|q| + |r|)².
        slack = 4 * (wide.shape[1] + 8) * _ROUNDING * (np.sqrt(own) + np.sqrt(longest)) ** 2
        ascending = np.sort(keys, axis=1)
        for query in np.flatnonzero((np.diff(ascending, axis=1) <= 2 * slack[:, None]).any(axis=1)):
            self._settle(keys[query], prepared[query], 2 * float(slack[query]))
        return keys

    def _settle(self, keys: NDArray[np.float64], query: NDArray[np.float32], gap: float) -> None:
        """Replaces keys that have a neighbour nearer than `gap` by exact ones."""
        order = np.argsort(keys)
        near = np.diff(keys[order]) <= gap
        doubtful = order[np.append(near, False) | np.append(False, near)]
        keys[doubtful] = self.metric.keys(query, self.rows[doubtful])
