"""Tracks ranked by the mean of their shots: every row that may answer is read, a few at a time, so the order is brute force's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.metric import Metric

_PIECE_VALUES = 262_144
"""Of the embeddings that are looked at together, whose float64 copy stays in the cache."""


class FusedTrack(NamedTuple):
    """A track as its mean answers.

    Attributes:
        key: of the mean of its shots, as `Metric.keys` has it.
        place: of its shot that is most like the query, among the rows that were given.
        shots: how many were fused.
    """

    key: float
    place: int
    shots: int


def nearest_means(
    metric: Metric,
    query: NDArray[np.float32],
    tracks: NDArray[np.int64],
    vectors: Callable[[NDArray[np.int64]], NDArray[np.floating[Any]]],
    top_k: int,
) -> list[FusedTrack]:
    """The `top_k` tracks whose mean is most like the query, the most alike first; ties by their first row.

    The mean is taken in float64, shot by shot in the order of the rows; under the cosine metric it is brought to length 1
    again, as a query of several shots is.

    Args:
        query: (d,), as `Metric.prepare` gives it.
        tracks: (n,), a number that the rows of a track have in common; rows in enrolment order.
        vectors: prepared embeddings (m, d) of the rows at some places (m,).
    """
    order = np.argsort(tracks, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(tracks[order]) != 0]) if len(order) else order
    counts = np.diff(np.r_[starts, len(order)])
    keys = np.empty(len(starts), np.float64)
    piece = max(1, _PIECE_VALUES // max(1, len(query)))
    for first, end in _pieces(counts, piece):
        sums = _sums(order[starts[first] : starts[first] + counts[first:end].sum()], counts[first:end], vectors, piece)
        keys[first:end] = _keys(metric, query.astype(np.float64), sums / counts[first:end, None])
    best = np.lexsort((order[starts], keys))[:top_k]
    return [
        FusedTrack(float(keys[track]), _nearest(metric, query, order[starts[track] :][: counts[track]], vectors, piece),
                   int(counts[track]))
        for track in best.tolist()
    ]  # fmt: skip


def _pieces(counts: NDArray[np.int64], most: int) -> list[tuple[int, int]]:
    """Neighbouring tracks (first, end) with at most so many rows together; one that has more is alone."""
    pieces, first, rows = list[tuple[int, int]](), 0, 0
    for track, count in enumerate(counts.tolist()):
        if track > first and rows + count > most:
            pieces.append((first, track))
            first, rows = track, 0
        rows += count
    return [*pieces, (first, len(counts))] if len(counts) else pieces


def _sums(
    places: NDArray[np.int64],
    counts: NDArray[np.int64],
    vectors: Callable[[NDArray[np.int64]], NDArray[np.floating[Any]]],
    most: int,
) -> NDArray[np.float64]:
    """Of each track's shots, one after another, float64 (tracks, d); no more than `most` rows are held at once."""
    if len(places) > most:  # one long track
        total: NDArray[np.float64] = np.zeros(vectors(places[:1]).shape[1])
        for start in range(0, len(places), most):
            for row in vectors(places[start : start + most]).astype(np.float64):
                total += row
        return total.reshape(1, -1)
    rows = vectors(places).astype(np.float64)
    starts = np.cumsum(counts) - counts
    sums: NDArray[np.float64] = rows[starts]
    for shot in range(1, int(counts.max())):
        longer = np.flatnonzero(counts > shot)
        sums[longer] += rows[starts[longer] + shot]
    return sums


def _keys(metric: Metric, query: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    if metric is Metric.EUCLIDEAN:
        means -= query
        means *= means
        return np.asarray(means.sum(axis=1), np.float64)
    lengths = np.sqrt((means * means).sum(axis=1))
    return np.asarray(1.0 - (means * query).sum(axis=1) / np.where(lengths > 0, lengths, 1), np.float64)


def _nearest(
    metric: Metric,
    query: NDArray[np.float32],
    places: NDArray[np.int64],
    vectors: Callable[[NDArray[np.int64]], NDArray[np.floating[Any]]],
    most: int,
) -> int:
    """The place of the shot that is most like the query; the first of several."""
    keys = np.concatenate(
        [metric.keys(query, vectors(places[start : start + most])) for start in range(0, len(places), most)]
    )
    return int(places[np.argmin(keys)])
