"""Many queries at once: one matrix product a slab, and a bar that falls as better candidates are seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rgbir.index.machine import cores
from rgbir.index.nearest.rows import Nearest
from rgbir.index.nearest.slabs import Estimates, Filter, Slab, threads


def nearest_of_many(slabs: Sequence[tuple[Slab, Filter]], queries: NDArray[np.float32], top_k: int) -> list[Nearest]:
    """The (key, row) of the `top_k` most alike rows of each query: brute force's answer, in its order.

    Each row's key is estimated in float32 with a known error. The bar of a query is the top_k-th smallest estimate plus error
    so far, so its last true hit can't lie above it; who may lie at or below it has its key computed in float64.

    Args:
        slabs: each with the filter of its camera's rows.
        queries: float32 (m, d), prepared.
    """
    candidates: list[list[_Found]] = [[] for _ in queries]
    smallest = [np.empty(0) for _ in queries]
    bar = np.full(len(queries), np.inf)
    for slab, positions, (near, shift, error, finite) in _estimated(slabs, queries):
        if not finite:
            near = np.where(np.isfinite(near), near, np.float32(np.nan))
        if np.isinf(bar).any() and len(near) > top_k:
            last = np.partition(near, top_k - 1, axis=0)[top_k - 1]  # NaN counts as the highest of all
            bar = np.fmin(bar, last + shift + error)
        with np.errstate(over="ignore"):
            most = np.nextafter((bar - shift + error).astype(np.float32), np.float32(np.inf))
        reached = near <= most if finite else ~(near > most)
        places, owner = np.divmod(np.flatnonzero(reached), len(queries))
        order = np.argsort(owner, kind="stable")
        places, owner = places[order], owner[order]
        for number, (start, end) in enumerate(_runs(owner, len(queries))):
            if start == end:
                continue
            chosen = places[start:end]
            estimate = near[chosen, number] + shift[number]
            unknown = np.isnan(estimate)
            highest = np.where(unknown, np.inf, estimate + error[number])
            smallest[number] = np.sort(np.concatenate((smallest[number], highest)))[:top_k]
            if len(smallest[number]) == top_k:
                bar[number] = min(bar[number], smallest[number][-1])
            lower = np.where(unknown, -np.inf, estimate - error[number])
            candidates[number].append(_Found(slab, chosen if positions is None else positions[chosen], lower))
    return [_settled(query, groups, edge, top_k) for query, groups, edge in zip(queries, candidates, bar, strict=True)]


def _estimated(
    slabs: Sequence[tuple[Slab, Filter]], queries: NDArray[np.float32]
) -> Iterator[tuple[Slab, NDArray[np.int64] | None, Estimates]]:
    """Of the slabs that have a row to offer, as many beside each other as there are cores."""
    asked = [(slab, at) for slab, rows in slabs if (at := slab.allowed(rows)) is None or len(at)]
    beside = cores()
    for start in range(0, len(asked), beside):
        group = asked[start : start + beside]
        for (slab, positions), estimates in zip(
            group, threads().map(lambda pair: pair[0].estimates(queries, pair[1]), group), strict=True
        ):
            yield slab, positions, estimates


class _Found:
    """Rows of a slab that may be among the nearest; no key is below its `lower`."""

    def __init__(self, slab: Slab, places: NDArray[np.int64], lower: NDArray[np.float64]) -> None:
        self.slab, self.places, self.lower = slab, places, lower


def _runs(owner: NDArray[np.int64], owners: int) -> list[tuple[int, int]]:
    edges = np.searchsorted(owner, np.arange(owners + 1)).tolist()
    return list(pairwise(edges))


def _settled(query: NDArray[np.float32], groups: list[_Found], bar: float, top_k: int) -> Nearest:
    pairs: Nearest = []
    for group in groups:
        places = group.places[group.lower <= bar]
        if len(places):
            pairs += zip(group.slab.keys(query, places).tolist(), group.slab.rows[places].tolist(), strict=True)
    return sorted(pairs)[:top_k]
