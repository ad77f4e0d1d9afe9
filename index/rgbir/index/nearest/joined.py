"""Many queries at once: one matrix product a slab, and a bar that falls as better candidates are seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.nearest.rows import Nearest
from rgbir.index.nearest.slabs import Estimates, Slab, beside, threads


class Proposal(NamedTuple):
    """What an index proposes of a camera's rows to each of several queries.

    Attributes:
        rows: int64 (m, n), row numbers; -1 where it gave none.
        lower, upper: float64 (m, n), between which each key lies; upper is infinite where there is no row.
        rest: float64 (m,), no other row's key is below it; -inf where nothing can be promised.
    """

    rows: NDArray[np.int64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    rest: NDArray[np.float64]


class Pairs(NamedTuple):
    """Rows that may be among a query's nearest, all of equal length.

    Attributes:
        owner: int64, the query's number.
        slab: int64, the slab's number.
        place: int64, the row's place in the slab.
        lower: float64, no key is below its own.
    """

    owner: NDArray[np.int64]
    slab: NDArray[np.int64]
    place: NDArray[np.int64]
    lower: NDArray[np.float64]

    def some(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> Pairs:
        """Those that a mask (n,) keeps, or these in this order."""
        return Pairs(self.owner[which], self.slab[which], self.place[which], self.lower[which])


def _joined(pieces: Sequence[Pairs]) -> Pairs:
    owner, slab, place, lower = (np.concatenate(columns) for columns in zip(*pieces, strict=True))
    return Pairs(owner, slab, place, lower)


def nearest_of_many(
    slabs: Sequence[tuple[Slab, NDArray[np.int64] | None]],
    queries: NDArray[np.float32],
    top_k: int,
    proposed: Sequence[tuple[range, Proposal]] = (),
) -> list[Nearest]:
    """The (key, row) of the `top_k` most alike rows of each query: brute force's answer, in its order.

    Each row's key is estimated in float32 with a known error, here or by who proposes it. The bar of a query is the top_k-th
    smallest estimate plus error so far, so its last true hit can't lie above it; who may lie at or below it has its key computed
    in float64.

    Args:
        slabs: each with the positions of the rows that may answer, int64 (n,); all if None.
        queries: float32 (m, d), prepared.
        proposed: beside them, rows of the slabs with these numbers. Whether others of these may be nearer is the caller's to see.
    """
    bar, highest = np.full(len(queries), np.inf), np.full((len(queries), top_k), np.inf)
    nothing = np.empty(0, np.int64)
    pieces = [Pairs(nothing, nothing, nothing, np.empty(0))]
    for number, positions, estimates in _estimated(slabs, queries):
        pairs, most = _reaching(number, positions, estimates, bar, top_k)
        highest = _smallest(highest, pairs.owner, most)
        bar = np.fmin(bar, highest[:, -1])
        pieces.append(pairs)
    scanned = [slab for slab, _ in slabs]
    pairs = _joined(pieces)
    pairs = pairs.some(pairs.lower <= bar[pairs.owner])
    for slab, count in zip(scanned, np.bincount(pairs.slab, minlength=len(slabs)).tolist(), strict=True):
        slab.coding.bounded(count / len(queries), top_k)
    for numbers, proposal in proposed:
        highest = np.partition(np.hstack((highest, proposal.upper)), top_k - 1, axis=1)[:, :top_k]
        bar = np.fmin(bar, highest[:, -1])
        more = _joined((pairs, _of(proposal, scanned, numbers)))
        pairs = more.some(more.lower <= bar[more.owner])
    return _settled(scanned, queries, pairs, top_k)


def _of(proposal: Proposal, slabs: Sequence[Slab], numbers: range) -> Pairs:
    """What was proposed, by the places in these slabs, which are a camera's in enrolment order."""
    owner, spot = np.nonzero(proposal.rows >= 0)
    rows = proposal.rows[owner, spot]
    slab = numbers.start + np.searchsorted([slabs[number].rows[0] for number in numbers], rows, side="right") - 1
    place = np.empty_like(rows)
    for number in np.unique(slab).tolist():
        here = slab == number
        place[here] = slabs[number].rows.searchsorted(rows[here])
    return Pairs(owner, slab, place, proposal.lower[owner, spot])


def _estimated(
    slabs: Sequence[tuple[Slab, NDArray[np.int64] | None]], queries: NDArray[np.float32]
) -> Iterator[tuple[int, NDArray[np.int64] | None, Estimates]]:
    """Of the slabs that have a row to offer, by number, as many beside each other as there are cores."""
    asked = [(number, at) for number, (_, at) in enumerate(slabs) if at is None or len(at)]
    for start in range(0, len(asked), beside()):
        group = asked[start : start + beside()]
        results = threads().map(lambda pair: slabs[pair[0]][0].estimates(queries, pair[1]), group)
        for (number, positions), estimates in zip(group, results, strict=True):
            yield number, positions, estimates


def _reaching(
    number: int, positions: NDArray[np.int64] | None, estimates: Estimates, bar: NDArray[np.float64], top_k: int
) -> tuple[Pairs, NDArray[np.float64]]:
    """The slab's rows that may lie at or below their query's bar, and what no key of these is above."""
    near, shift, error, finite = estimates
    if not finite:
        near = np.where(np.isfinite(near), near, np.float32(np.nan))
    if np.isinf(bar).any() and len(near) > top_k:
        last = np.partition(near, top_k - 1, axis=0)[top_k - 1]  # NaN counts as the highest of all
        bar = np.fmin(bar, last + shift + error)
    with np.errstate(over="ignore"):
        most = np.nextafter((bar - shift + error).astype(np.float32), np.float32(np.inf))
    reached = near <= most if finite else ~(near > most)
    places, owner = np.divmod(np.flatnonzero(reached), len(bar))
    estimate = near[places, owner] + shift[owner]
    unknown = np.isnan(estimate)
    lower = np.where(unknown, -np.inf, estimate - error[owner])
    place = places if positions is None else positions[places]
    return Pairs(owner, np.full(len(owner), number), place, lower), np.where(unknown, np.inf, estimate + error[owner])


def _smallest(known: NDArray[np.float64], owner: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The smallest of what each query had and gets, ascending: float64 (m, k), as `known`."""
    queries, count = known.shape
    owners = np.concatenate((np.repeat(np.arange(queries), count), owner))
    together = np.concatenate((known.reshape(-1), values))
    order = np.lexsort((together, owners))
    kept = order[_place_in_group(owners[order]) < count]
    smallest: NDArray[np.float64] = together[kept].reshape(queries, count)
    return smallest


def _place_in_group(owners: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each among those of the same owner, from 0; owners ascend."""
    places = np.arange(len(owners))
    return places - np.searchsorted(owners, owners, side="left")


def _settled(slabs: Sequence[Slab], queries: NDArray[np.float32], pairs: Pairs, top_k: int) -> list[Nearest]:
    """The nearest by their keys, which are computed of the likeliest first, and then of those that may be nearer than these."""
    pairs = pairs.some(np.lexsort((pairs.lower, pairs.owner)))
    likely = _place_in_group(pairs.owner) < top_k
    first = pairs.some(likely)
    keys = _keys(slabs, queries, first)
    worst = np.full(len(queries), -np.inf)
    np.maximum.at(worst, first.owner, keys)
    enough = np.bincount(first.owner, minlength=len(queries)) == top_k
    others = pairs.some(~likely)
    others = others.some(others.lower <= np.where(enough, worst, np.inf)[others.owner])
    return _ordered(slabs, first, keys, others, _keys(slabs, queries, others), len(queries), top_k)


def _keys(slabs: Sequence[Slab], queries: NDArray[np.float32], pairs: Pairs) -> NDArray[np.float64]:
    """The key of each pair."""
    keys = np.empty(len(pairs.owner))
    for number in np.unique(pairs.slab).tolist():
        here = np.flatnonzero(pairs.slab == number)
        keys[here] = slabs[number].pair_keys(queries, pairs.owner[here], pairs.place[here])
    return keys


def _ordered(
    slabs: Sequence[Slab],
    first: Pairs,
    first_keys: NDArray[np.float64],
    others: Pairs,
    other_keys: NDArray[np.float64],
    queries: int,
    top_k: int,
) -> list[Nearest]:
    owner, slab, place, _ = _joined((first, others))
    keys, rows = np.concatenate((first_keys, other_keys)), np.empty(len(owner), np.int64)
    for number in np.unique(slab).tolist():
        here = slab == number
        rows[here] = slabs[number].rows[place[here]]
    order = np.lexsort((rows, keys, owner))
    order = order[_place_in_group(owner[order]) < top_k]
    ends = np.searchsorted(owner[order], np.arange(queries + 1)).tolist()
    nearest = list(zip(keys[order].tolist(), rows[order].tolist(), strict=True))
    return [nearest[start:end] for start, end in pairwise(ends)]
