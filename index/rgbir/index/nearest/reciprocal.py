"""Re-ranking by k-reciprocal neighbours: rows are alike that have the same neighbours.

Source: Zhong, Zheng, Cao, Li, "Re-ranking Person Re-identification with k-reciprocal Encoding", CVPR 2017.

It looks at who is near whom among all queries and the gallery, so its numbers are another task's: they are reported under a
name of their own and never beside plain ones. With `neighbours` "gallery" each query sees itself and the gallery alone, as a
server's must. Memory is a few hundred values a row, not a square of distances.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import UsageError
from rgbir.index.metric import Metric
from rgbir.index.nearest.comparison import Comparison

_BLOCK_CELLS = 8_000_000
Sets = list[NDArray[np.int64]]
Among = Literal["all", "gallery"]
"""Who counts as a neighbour: other queries too, or a query itself and the gallery."""


@dataclass(frozen=True, slots=True)
class Reciprocal:
    """The paper's settings.

    Attributes:
        k1: neighbours that may be reciprocal.
        k2: neighbours whose encodings are averaged.
        weight: of the plain distance, 0 to 1.
        neighbours: who counts as one.

    Raises:
        UsageError: a value out of its range.
    """

    k1: int = 20
    k2: int = 6
    weight: float = 0.3
    neighbours: Among = "all"

    def __post_init__(self) -> None:
        if not (1 <= self.k2 <= self.k1 and 0 <= self.weight <= 1):
            raise UsageError(f"re-ranking needs 1 ≤ k2 ≤ k1 and a weight in 0..1, not {self}")
        if self.neighbours not in get_args(Among):
            raise UsageError(f"k-reciprocal neighbours are among all or gallery, not {self.neighbours!r}")

    @property
    def name(self) -> str:
        return f"reranked({self._settings})"

    @property
    def about(self) -> str:
        among = "queries and gallery" if self.neighbours == "all" else "the gallery"
        return f"k-reciprocal({self._settings}), neighbours among {among}"

    @property
    def _settings(self) -> str:
        alone = "" if self.neighbours == "all" else ",gallery"
        return f"{self.k1},{self.k2},{self.weight:g}{alone}"

    def keys(self, queries: NDArray[np.float32], rows: NDArray[np.float32], metric: Metric) -> NDArray[np.float64]:
        """float64 (q, n), smaller is more alike: (1 - weight) · Jaccard distance of encodings + weight · plain distance.

        Plain distances are keys (squared, or 1 - cosine), divided by each row's largest, as in the authors' code.

        Args:
            queries, rows: float32 (q, d) and (n, d), unprepared.
        """
        if self.neighbours == "gallery" and len(queries) > 1:
            return np.concatenate([self.keys(query[None], rows, metric) for query in queries])
        everyone = np.concatenate([queries, rows])
        near = _Neighbours(everyone, len(queries), min(self.k1 + 1, len(everyone)), metric)
        return (1 - self.weight) * _jaccard(self._encoded(near), len(queries)) + self.weight * near.plain

    def _encoded(self, near: _Neighbours) -> list[dict[int, float]]:
        """Each row's weights over its k-reciprocal neighbours, averaged over its k2 nearest."""
        wide, half = near.reciprocal(self.k1), near.reciprocal(round(self.k1 / 2))
        weights = []
        for row, neighbours in enumerate(wide):
            members = set(neighbours.tolist())
            grown = [half[c] for c in neighbours if len(members & set(half[c].tolist())) > 2 / 3 * len(half[c])]
            expanded = np.unique(np.concatenate([neighbours, *grown]))
            strength = np.exp(-near.between(row, expanded))
            weights.append(dict(zip(expanded.tolist(), (strength / strength.sum()).tolist(), strict=True)))
        if self.k2 == 1:
            return weights
        averaged = []
        for row in range(len(weights)):
            mean: dict[int, float] = {}
            friends = near.order[row, : self.k2]
            for friend in friends.tolist():
                for column, value in weights[friend].items():
                    mean[column] = mean.get(column, 0.0) + value / len(friends)
            averaged.append(mean)
        return averaged


class _Neighbours:
    """Who is near whom; each row is its own first neighbour.

    order: int64 (n, count), the nearest first. plain: float32 (queries, rest), keys divided by each query's largest.
    """

    def __init__(self, everyone: NDArray[np.float32], queries: int, count: int, metric: Metric) -> None:
        self.metric, self._rows = metric, metric.prepare(everyone)
        compared = Comparison(metric, everyone)
        step = max(1, _BLOCK_CELLS // len(everyone))
        orders, largest, plain = [], [], [np.empty((0, len(everyone) - queries), np.float32)]
        for start in range(0, len(everyone), step):
            keys = np.maximum(compared.keys(everyone[start : start + step]), 0)
            keys[np.arange(len(keys)), start + np.arange(len(keys))] = -1  # itself, before any twin
            largest.append(np.maximum(keys.max(axis=1), np.finfo(np.float64).tiny))
            nearest = np.argpartition(keys, count - 1, axis=1)[:, :count]
            ranks = np.argsort(np.take_along_axis(keys, nearest, axis=1), axis=1, kind="stable")
            orders.append(np.take_along_axis(nearest, ranks, axis=1))
            if start < queries:
                asked = slice(0, min(queries - start, len(keys)))
                plain.append((keys[asked, queries:] / largest[-1][asked, None]).astype(np.float32))
        self.order: NDArray[np.int64] = np.concatenate(orders)
        self.plain: NDArray[np.float32] = np.concatenate(plain)
        self._largest = np.concatenate(largest)

    def between(self, row: int, others: NDArray[np.int64]) -> NDArray[np.float64]:
        """Keys from a row to others, divided by the row's largest."""
        keys = np.maximum(self.metric.keys(self._rows[row], self._rows[others]), 0)
        return np.asarray(keys / self._largest[row], np.float64)

    def reciprocal(self, k: int) -> Sets:
        """For each row those of its k + 1 nearest that have it among theirs."""
        nearest = self.order[:, : k + 1]
        return [neighbours[(nearest[neighbours] == row).any(axis=1)] for row, neighbours in enumerate(nearest)]


def _jaccard(encoded: list[dict[int, float]], queries: int) -> NDArray[np.float64]:
    """1 - sum min / sum max of the queries' encodings and the others'; each sums to 1, so sum max = 2 - sum min."""
    columns: dict[int, list[tuple[int, float]]] = {}
    for row, weights in enumerate(encoded[queries:]):
        for column, value in weights.items():
            columns.setdefault(column, []).append((row, value))
    arrays = {column: tuple(map(np.array, zip(*pairs, strict=True))) for column, pairs in columns.items()}
    shared = np.zeros((queries, len(encoded) - queries))
    for query in range(queries):
        for column, value in encoded[query].items():
            if column in arrays:
                places, values = arrays[column]
                shared[query, places] += np.minimum(value, values)
    return 1 - shared / (2 - shared)
