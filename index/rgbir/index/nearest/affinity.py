"""Re-ranking by affinity: a row is like the query where both have the same neighbours in the gallery.

Source: Fang, Yang, Fu, "Visible-Infrared Person Re-Identification via Semantic Alignment and Affinity Inference" (AIM),
ICCV 2023, in the form of its released code.

Only the gallery is used beside the query, so a query's order does not depend on other queries. Vectors are compared by the
cosine, whatever the model's metric is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import UsageError
from rgbir.index.metric import Metric
from rgbir.index.nearest.comparison import Comparison

_BLOCK_CELLS = 4_000_000
PUBLISHED = "aim:published"
_OF_SYSU = {
    ("all", "single"): (4, 1),
    ("indoor", "single"): (2, 2),
    ("all", "multi"): (20, 6),
    ("indoor", "multi"): (20, 6),
}
_OF_REGDB = (8, 2)
DIGITS = 9
"""Scores that differ behind them are equal: of two equal rows rounding puts neither first."""
TINY = 1e-12
"""No vector is divided by less."""


@dataclass(frozen=True, slots=True)
class Affinity:
    """The settings.

    Attributes:
        k1: neighbours that count; rows as near as the k1-th count too.
        k2: nearest rows whose neighbours are averaged, the row itself among them.
        published: whether they are those of the authors for one gallery, who know how many images each person has in it.

    Raises:
        UsageError: a value out of its range.
    """

    k1: int = 4
    k2: int = 1
    published: bool = False

    def __post_init__(self) -> None:
        if self.k1 < 1 or self.k2 < 1:
            raise UsageError(f"aim needs k1 ≥ 1 and k2 ≥ 1, not {self.k1} and {self.k2}")

    @property
    def name(self) -> str:
        return f"aim({'published,' if self.published else ''}{self.k1},{self.k2})"

    @property
    def about(self) -> str:
        return f"{self.name}, neighbours among the gallery"

    def keys(self, queries: NDArray[np.float32], rows: NDArray[np.float32], metric: Metric) -> NDArray[np.float64]:
        """float64 (q, n), smaller is more alike: 2 - `aim_scores`, 0 or more.

        Args:
            queries, rows: float32 (q, d) and (n, d), unprepared; the rows are the gallery.
            metric: the model's; it plays no part.
        """
        return np.round(2 - aim_scores(queries, rows, self.k1, self.k2), DIGITS)


def aim_scores(
    queries: NDArray[np.float32], gallery: NDArray[np.float32], k1: int = 4, k2: int = 1
) -> NDArray[np.float64]:
    """The scores t_q · t_j + cosine(q, j) of every query and gallery row: float64 (q, n) in -2..2, larger is more alike.

    t_q is the query's cosines with the gallery, all but the k1 largest set to 0, at length 1. t_j is the mean of the same of
    the k2 rows most like j, itself first, at length 1. Cosines as large as the k1-th stay.

    Args:
        queries, gallery: float32 (q, d) and (n, d), of any length.
    """
    cosines = 1 - Comparison(Metric.COSINE, gallery).keys(queries)
    asked = _unit(_kept(cosines, k1))
    shared = np.empty_like(cosines)
    for row, (places, weights) in enumerate(_sides(gallery, k1, k2)):
        shared[:, row] = asked[:, places] @ weights
    return shared + cosines


def published(data: str, mode: str, shots: str) -> Affinity:
    """The authors' settings for a data set, by SYSU-MM01's mode and shots.

    They match how many images each person has in that gallery, which nobody knows of a real one.

    Raises:
        UsageError: the authors give none for it.
    """
    if data == "SYSU-MM01":
        return Affinity(*_OF_SYSU[mode, shots], published=True)
    if data == "RegDB":
        return Affinity(*_OF_REGDB, published=True)
    raise UsageError(f"{PUBLISHED} is known for SYSU-MM01 and RegDB, not for {data}; say aim, or aim:k1,k2")


def kept_from(cosines: NDArray[np.float64], k1: int) -> NDArray[np.float64]:
    """From which cosine on neighbours count, (n, 1), of cosines (n, m): the k1-th largest of each row."""
    place = max(cosines.shape[1] - k1, 0)
    return np.partition(cosines, place, axis=1)[:, place : place + 1]


def _kept(cosines: NDArray[np.float64], k1: int) -> NDArray[np.float64]:
    return np.where(cosines >= kept_from(cosines, k1), cosines, 0.0)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), TINY))


def _sides(gallery: NDArray[np.float32], k1: int, k2: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """t_j of each row in turn, as the places where it isn't 0 and the values there."""
    compared = Comparison(Metric.COSINE, gallery)
    step = max(1, _BLOCK_CELLS // len(gallery))
    lists: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
    friends: list[NDArray[np.int64]] = []
    for start in range(0, len(gallery), step):
        cosines = 1 - compared.keys(gallery[start : start + step])
        kept = cosines >= kept_from(cosines, k1)
        lists += [(np.flatnonzero(chosen), row[chosen]) for row, chosen in zip(cosines, kept, strict=True)]
        if k2 > 1:
            cosines[np.arange(len(cosines)), start + np.arange(len(cosines))] = np.inf  # itself, before any twin
            friends += list(np.argsort(-cosines, axis=1, kind="stable")[:, :k2])
    for row, alone in enumerate(lists):
        yield mean_of([lists[friend] for friend in friends[row]]) if k2 > 1 else mean_of([alone])


def mean_of(
    lists: list[tuple[NDArray[np.int64], NDArray[np.float64]]],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The mean of sparse vectors, at length 1: each is places, int64 (m,), and the values there, float64 (m,)."""
    places, where = np.unique(np.concatenate([at for at, _ in lists]), return_inverse=True)
    values = np.bincount(where, np.concatenate([value for _, value in lists]), len(places)) / len(lists)
    return places, _unit(values)
