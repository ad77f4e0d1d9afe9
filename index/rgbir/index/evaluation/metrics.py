"""CMC, mAP and mINP of one trial.

Source: SYSU-MM01's evaluation program for the identity-level CMC; Zheng et al., "Scalable Person Re-identification: A
Benchmark", ICCV 2015, for mAP; Ye et al., "Deep Learning for Person Re-identification: A Survey and Outlook", TPAMI
2022, for mINP.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rgbir.index.datasets.protocol import ApRule, CmcLevel, Denominator
from rgbir.index.errors import EvaluationError
from rgbir.index.evaluation.ranking import Outcomes, outcomes

_BLOCK_CELLS = 16_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """What one trial gives; fractions in 0..1.

    Attributes:
        curve: float64 (U,); `curve[k - 1]` is the share of valid queries found within rank k.
        mean_ap, mean_inp: means over queries.
        queries, valid_queries: how many were asked, and how many of them may see a row of their identity.
        gallery_rows, gallery_identities: how many rows the gallery has, and how many people they show.
        by_query: what each query contributed, in the order of the queries.
    """

    curve: NDArray[np.float64]
    mean_ap: float
    mean_inp: float
    queries: int
    valid_queries: int
    gallery_rows: int
    gallery_identities: int
    by_query: Outcomes

    @classmethod
    def of(
        cls, by_query: Outcomes, gallery_rows: int, gallery_identities: int, cmc: CmcLevel, denominator: Denominator
    ) -> Measures:
        """Means over queries.

        Raises:
            EvaluationError: no query is valid.
        """
        queries, valid = len(by_query.rank), int((by_query.rank >= 0).sum())
        if valid == 0:
            raise EvaluationError(
                f"none of the {queries} queries has a match that it may see among {gallery_rows} gallery rows;"
                " the result is undefined"
            )
        over = valid if denominator == "valid" else queries
        longest = gallery_identities if cmc == "identity" else gallery_rows
        hits = np.bincount(by_query.rank[by_query.rank >= 0], minlength=longest)[:longest]
        means = float(by_query.ap.sum()) / over, float(by_query.inp.sum()) / over
        return cls(np.cumsum(hits) / over, *means, queries, valid, gallery_rows, gallery_identities, by_query)

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
        gallery_identities: int64 (gallery,); -1 is nobody's match.
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
    names, codes, people = numbered(gallery_identities)
    query_codes = coded(query_identities, names)
    parts = []
    step = max(1, _BLOCK_CELLS // max(rows, 1))
    for block in (slice(start, start + step) for start in range(0, queries, step)):
        order = np.argsort(distances[block], axis=1, kind="stable")
        unseen = None if hidden is None else np.take_along_axis(hidden[block], order, axis=1)
        parts.append(outcomes(codes[order], query_codes[block], people, unseen, cmc=cmc, ap=ap))
    by_query = Outcomes(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return Measures.of(by_query, rows, people, cmc, denominator)


def numbered(identities: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Numbers from 0 on for the people of a gallery, whose rows have identities int64 (n,).

    A row whose identity isn't known (below 0) is a stranger of its own: two unknown people aren't one.

    Returns:
        The known identities int64 (k,), ascending; each row's number int64 (n,); and how many people that are.
    """
    known = identities >= 0
    names, numbers = np.unique(identities[known], return_inverse=True)
    codes = np.empty(len(identities), np.int64)
    codes[known] = numbers
    strangers = int((~known).sum())
    codes[~known] = len(names) + np.arange(strangers)
    return names, codes, len(names) + strangers


def coded(identities: NDArray[np.int64], names: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each identity among `names`, int64 (n,); -1 where it is unknown (below 0) or not there.

    Args:
        identities: int64 (n,).
        names: int64 (k,), ascending.
    """
    if not len(names):
        return np.full(len(identities), -1, np.int64)
    place = np.minimum(np.searchsorted(names, identities), len(names) - 1)
    there = (identities >= 0) & (names[place] == identities)
    return np.where(there, place, -1)
