"""CMC, mAP and mINP of one trial, from a distance matrix.

Source: SYSU-MM01's evaluation program for the identity-level CMC; Zheng et al., "Scalable Person Re-identification: A
Benchmark", ICCV 2015, for mAP; Ye et al., "Deep Learning for Person Re-identification: A Survey and Outlook", TPAMI
2022, for mINP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import EvaluationError

CmcLevel = Literal["identity", "image"]
ApRule = Literal["rectangle", "trapezoid"]
Denominator = Literal["valid", "all"]

_BLOCK_CELLS = 16_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """What one trial gives; fractions in 0..1.

    curve: float64 (U,); `curve[k - 1]` is the share of valid queries found within rank k.
    """

    curve: NDArray[np.float64]
    mean_ap: float
    mean_inp: float
    queries: int
    valid_queries: int
    gallery_rows: int
    gallery_identities: int

    def rank(self, k: int) -> float:
        """c(k); beyond the curve's end, its last value."""
        return float(self.curve[min(k, len(self.curve)) - 1])


def measure(
    distances: NDArray[np.float64],
    query_identities: NDArray[np.int64],
    gallery_identities: NDArray[np.int64],
    hidden: NDArray[np.bool_] | None = None,
    *,
    cmc: CmcLevel = "identity",
    ap: ApRule = "rectangle",
    denominator: Denominator = "valid",
) -> Measures:
    """Ranks every query's gallery by distance and measures it.

    Equal distances keep gallery row order. Hidden rows leave no gap. A query without a match that it may see is
    invalid and enters no measure (with denominator `all` it counts as a failure).

    Args:
        distances: float64 (queries, gallery), smaller is more alike.
        query_identities: int64 (queries,).
        gallery_identities: int64 (gallery,).
        hidden: bool (queries, gallery), True where the row may not be shown to the query.
        cmc: `identity` keeps each identity's best row only before counting ranks; `image` counts rows.
        ap: how average precision is integrated.
        denominator: whether means run over valid queries or over all.

    Raises:
        EvaluationError: shapes don't fit, NaN, or no query is valid.
    """
    queries, rows = distances.shape
    if query_identities.shape != (queries,) or gallery_identities.shape != (rows,):
        raise EvaluationError(
            f"{distances.shape} distances need {queries} query and {rows} gallery identities,"
            f" not {query_identities.shape} and {gallery_identities.shape}"
        )
    if np.isnan(distances).any():
        query, row = np.argwhere(np.isnan(distances))[0]
        raise EvaluationError(f"the distance of query {query} to gallery row {row} is NaN")
    names, membership = np.unique(gallery_identities, return_inverse=True)
    longest = len(names) if cmc == "identity" else rows
    hits = np.zeros(longest, np.int64)
    total_ap = total_inp = 0.0
    valid = 0
    step = max(1, _BLOCK_CELLS // max(rows, 1))
    for start in range(0, queries, step):
        block = slice(start, start + step)
        ranking = _Ranking(
            distances[block], query_identities[block], gallery_identities, None if hidden is None else hidden[block]
        )
        first = ranking.first_by_identity(membership, len(names)) if cmc == "identity" else ranking.first_match()
        hits += np.bincount(first, minlength=longest)[:longest]
        total_ap += float(ranking.average_precision(ap).sum())
        total_inp += float(ranking.inverse_negative_penalty().sum())
        valid += len(first)
    if valid == 0:
        raise EvaluationError(
            f"none of the {queries} queries has a match that it may see among {rows} gallery rows; the result is undefined"
        )
    over = valid if denominator == "valid" else queries
    return Measures(np.cumsum(hits) / over, total_ap / over, total_inp / over, queries, valid, rows, len(names))


class _Ranking:
    """Some queries' galleries in order; invalid queries are left out.

    matches: bool (valid, gallery), at each place of the order. position: int64 (valid, gallery), the place of each row.
    """

    def __init__(
        self,
        distances: NDArray[np.float64],
        queries: NDArray[np.int64],
        gallery: NDArray[np.int64],
        hidden: NDArray[np.bool_] | None,
    ) -> None:
        same = queries[:, None] == gallery[None, :]
        if hidden is not None:
            same &= ~hidden
        valid = same.any(axis=1)
        shown = distances[valid] if hidden is None else np.where(hidden[valid], np.inf, distances[valid])
        if hidden is not None:  # an infinite distance that is shown still comes before the hidden ones
            order = np.argsort(shown, axis=1, kind="stable")
            late = np.take_along_axis(hidden[valid], order, axis=1)
            if np.isinf(distances).any():
                order = np.take_along_axis(order, np.argsort(late, axis=1, kind="stable"), axis=1)
                late = np.take_along_axis(hidden[valid], order, axis=1)
        else:
            order = np.argsort(shown, axis=1, kind="stable")
            late = np.zeros(order.shape, bool)
        self.same, self.order, self.late = same[valid], order, late
        self.query_identities = queries[valid]
        self.gallery_identities = gallery
        self.matches = np.take_along_axis(self.same, order, axis=1)
        self.places = np.arange(1, gallery.shape[0] + 1)
        self.count = self.matches.sum(axis=1)

    def first_match(self) -> NDArray[np.int64]:
        """0-based place of the first match among rows."""
        return np.asarray(self.matches.argmax(axis=1), np.int64)

    def first_by_identity(self, membership: NDArray[np.int64], identities: int) -> NDArray[np.int64]:
        """0-based place of the query's identity when each identity keeps its best row only."""
        queries, rows = self.order.shape
        position = np.empty((queries, rows), np.int64)
        np.put_along_axis(position, self.order, np.where(self.late, rows, np.arange(rows)), axis=1)
        by_identity = np.argsort(membership, kind="stable")
        starts = np.searchsorted(membership[by_identity], np.arange(identities))
        best = np.minimum.reduceat(position[:, by_identity], starts, axis=1)
        own = self.first_match()
        return np.asarray((best < own[:, None]).sum(axis=1), np.int64)

    def average_precision(self, rule: ApRule) -> NDArray[np.float64]:
        found = np.cumsum(self.matches, axis=1)
        precision = found / self.places
        if rule == "trapezoid":
            before = np.where(self.places == 1, 1.0, (found - 1) / np.maximum(self.places - 1, 1))
            precision = (before + precision) / 2
        return np.asarray((precision * self.matches).sum(axis=1) / self.count, np.float64)

    def inverse_negative_penalty(self) -> NDArray[np.float64]:
        last = self.matches.shape[1] - self.matches[:, ::-1].argmax(axis=1)
        return np.asarray(self.count / last, np.float64)
