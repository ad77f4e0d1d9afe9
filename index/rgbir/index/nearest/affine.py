"""A search in the order of affinity, by lists of neighbours: what `aim_scores` gives on the rows that the query may see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.metric import Metric
from rgbir.index.nearest.affinity import DIGITS, TINY, Affinity, kept_from
from rgbir.index.nearest.lists import NOBODY, WIDTH, Lists, Rows, Source
from rgbir.index.nearest.neighbours import MOST_AT_ONCE, Neighbours
from rgbir.index.nearest.slabs import Filter
from rgbir.index.nearest.view import View

FIRST = 1_000
"""Nearest rows that are scored where not all are."""


class Affine(NamedTuple):
    """The new order, and what was done for it.

    Attributes:
        rows: int64 (n,), those that were scored, the most alike first; equal scores are in the plain order.
        keys: float64 (n,), the metric's, which decide the plain order.
        ranks: int64 (n,), in the plain order, from 1.
        seen: how many rows the query may see.
        made: lists of neighbours that were made for it.
    """

    rows: Rows
    keys: NDArray[np.float64]
    ranks: NDArray[np.int64]
    seen: int
    made: int


def affine(
    view: View,
    query: NDArray[np.float32],
    cameras: Sequence[str],
    rows: Filter,
    affinity: Affinity,
    neighbours: Neighbours,
    candidates: int = 0,
) -> Affine:
    """Rows in the order of `aim_scores`, whose gallery is what the query may see: nothing else is anybody's neighbour.

    All such rows are scored where every list of the gallery is kept, else the nearest ones.

    Args:
        query: (d,), prepared.
        candidates: how many nearest rows are scored; 0 is all, or `FIRST`.

    Raises:
        Stale: the view is older than the lists.
        CacheDamaged: a row in a file is not what was written.
    """
    seen, keys = view.keys(query, cameras, rows)
    if not len(seen):
        return Affine(seen, keys, seen, 0, 0)
    source = neighbours.source(view)
    cosines = _cosines(view.metric, query, keys, source.squares(seen))
    plain = np.argsort(keys, kind="stable")
    neighbourhood = _Neighbourhood(source, seen, affinity)
    asked = neighbourhood.asked(cosines)
    kept = None if candidates else neighbours.all(view)
    shared = None if kept is None else neighbourhood.shared(seen, seen, kept.lists, asked, MOST_AT_ONCE)
    if kept is not None and shared is not None:
        scored, shared, made = plain, shared[plain], kept.made
    else:
        scored = plain[: candidates or FIRST]
        wanted = np.sort(seen[scored])
        lists, listed, made = _lists(neighbours, view, neighbourhood, wanted)
        shared = neighbourhood.shared(wanted, listed, lists, asked)
        assert shared is not None
        shared = shared[np.searchsorted(wanted, seen[scored])]
    order = np.argsort(-np.round(shared + cosines[scored], DIGITS), kind="stable")
    return Affine(seen[scored][order], keys[scored][order], order + 1, len(seen), made)


def _lists(neighbours: Neighbours, view: View, neighbourhood: _Neighbourhood, wanted: Rows) -> tuple[Lists, Rows, int]:
    """Of these rows, and of those whose neighbours theirs are averaged with: the lists, all these rows, and how many were made."""
    kept = neighbours.of(view, wanted)
    rows = np.union1d(wanted, neighbourhood.friends_of(wanted, kept.lists))
    if not len(kept.lists.missing(rows)):
        return kept.lists, rows, kept.made
    both = neighbours.of(view, rows)
    return both.lists, rows, kept.made + both.made


def _cosines(
    metric: Metric, query: NDArray[np.float32], keys: NDArray[np.float64], squares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of the query and the rows with these keys and squared lengths, float64 (n,)."""
    square = float((query.astype(np.float64) ** 2).sum())
    lengths = np.sqrt(square * squares)
    products = 1 - keys if metric is Metric.COSINE else (squares + square - keys) / 2
    return np.asarray(products / np.where(lengths > 0, lengths, 1))


class _Neighbourhood:
    """The rows that a query may see, int64 (n,), ascending: who is whose neighbour among them."""

    def __init__(self, source: Source, seen: Rows, affinity: Affinity) -> None:
        self.source, self.seen, self.affinity = source, seen, affinity
        self.needed = max(affinity.k1, affinity.k2)
        self._may = np.zeros(int(source.rows[-1]) + 2, bool)  # the last one is NOBODY's
        self._may[seen] = True

    def asked(self, cosines: NDArray[np.float64]) -> NDArray[np.float64]:
        """t_q by row number, of the query's cosines with the rows seen; 0 for all others."""
        near = cosines >= kept_from(cosines[None], self.affinity.k1)[0, 0]
        weights = np.zeros(len(self._may))
        weights[self.seen[near]] = cosines[near] / max(float(np.linalg.norm(cosines[near])), TINY)
        return weights

    def shared(
        self, wanted: Rows, rows: Rows, lists: Lists, asked: NDArray[np.float64], most: float = np.inf
    ) -> NDArray[np.float64] | None:
        """t_q · t_j of the rows wanted, ascending: float64 (n,). None if more than the `most` products must be computed for it.

        Args:
            rows: ascending, those wanted and the friends of each; they have lists.
        """
        known = _Restricted(lists.of(rows), self._may, self.affinity)
        unsure = np.flatnonzero(~known.certain)
        if len(unsure) * float(len(self.seen)) * self.source.dimension > most:
            return None
        parts = [known, *self._among_seen(rows[unsure])]
        sums, lengths = np.zeros(len(rows)), np.zeros(len(rows))
        for part in parts:
            places = np.searchsorted(rows, part.rows)
            sums[places], lengths[places] = part.sums(asked), part.lengths
        if self.affinity.k2 == 1:
            return np.asarray(sums / np.maximum(lengths, TINY))
        return self._averaged(np.searchsorted(rows, wanted), rows, parts, sums)

    def friends_of(self, wanted: Rows, lists: Lists) -> Rows:
        """Rows whose neighbours are averaged for those wanted, which have lists."""
        if self.affinity.k2 == 1:
            return wanted
        known = _Restricted(lists.of(wanted), self._may, self.affinity)
        friends = [
            part.friends.reshape(-1) for part in (known.of(known.certain), *self._among_seen(wanted[~known.certain]))
        ]
        return np.setdiff1d(np.concatenate(friends), [NOBODY])

    def _among_seen(self, rows: Rows) -> list[_Restricted]:
        """Lists among the rows seen alone, wider where neighbours are equally alike."""
        parts, width = [], max(WIDTH, 2 * self.needed)
        while len(rows):
            width = min(width, len(self.seen))
            part = _Restricted(self.source.lists(rows, self.seen, width), self._may, self.affinity)
            parts.append(part.of(part.certain))
            rows, width = rows[~part.certain], 8 * width
        return parts

    def _averaged(
        self, wanted: NDArray[np.int64], rows: Rows, parts: list[_Restricted], sums: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Of the mean of each row's friends' neighbours; its length is computed only where the product isn't 0.

        Args:
            wanted: places among the rows.
        """
        friends = np.full((len(rows), self.affinity.k2), NOBODY)
        origin, place = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
        for number, part in enumerate(parts):  # a later one is surer
            at = np.searchsorted(rows, part.rows)
            origin[at], place[at], friends[at] = number, np.arange(len(at)), part.friends
        friends = friends[wanted]
        there = friends != NOBODY
        at = np.where(there, np.searchsorted(rows, np.where(there, friends, rows[0])), 0)
        out = np.where(there, sums[at], 0.0).sum(axis=1)
        for number in np.flatnonzero(out).tolist():
            who = at[number][there[number]].tolist()
            out[number] /= _length_of_sum([parts[origin[each]].vector(int(place[each])) for each in who])
        return np.asarray(out)


def _length_of_sum(vectors: list[tuple[Rows, NDArray[np.float64]]]) -> float:
    """Of sparse vectors, each of places and values there."""
    places, where = np.unique(np.concatenate([at for at, _ in vectors]), return_inverse=True)
    values = np.bincount(where, np.concatenate([value for _, value in vectors]), len(places))
    return max(float(np.linalg.norm(values)), TINY)


class _Restricted:
    """Lists without what the query may not see.

    Attributes:
        certain: bool (n,): no other row could be among the k1 or k2 first.
        values: float64 (n, width), the cosines of neighbours that count, 0 for others.
        friends: int64 (n, k2), the rows whose neighbours are averaged, NOBODY where there are fewer.
    """

    def __init__(self, lists: Lists, may: NDArray[np.bool_], affinity: Affinity) -> None:
        self.rows, self.near = lists.rows, lists.near
        there = may[lists.near]
        count = np.cumsum(there, axis=1, dtype=np.int32)
        whole = np.isneginf(lists.rest)
        first, needed = affinity.k1, max(affinity.k1, affinity.k2)
        last = self._nth(lists, count, needed)
        self.certain = whole | (last > lists.rest)
        least = self._nth(lists, count, first)
        self.values = np.where(there & (lists.cosines >= least[:, None]), lists.cosines, 0.0)
        self.friends = np.full((len(lists), affinity.k2), NOBODY)
        owner, column = np.nonzero(there & (count <= affinity.k2))
        self.friends[owner, count[owner, column] - 1] = lists.near[owner, column]

    @staticmethod
    def _nth(lists: Lists, count: NDArray[np.int32], n: int) -> NDArray[np.float64]:
        """The cosine of the n-th that may be seen, (n,); -inf where there are fewer."""
        reached = count >= n
        places = reached.argmax(axis=1)
        return np.asarray(np.where(reached[:, -1], lists.cosines[np.arange(len(lists)), places], -np.inf))

    @property
    def lengths(self) -> NDArray[np.float64]:
        return np.asarray(np.sqrt((self.values**2).sum(axis=1)))

    def sums(self, asked: NDArray[np.float64]) -> NDArray[np.float64]:
        """The products with t_q, of vectors as they are."""
        return np.asarray((self.values * asked[self.near]).sum(axis=1))

    def vector(self, place: int) -> tuple[Rows, NDArray[np.float64]]:
        """A row's neighbours that count, and their cosines."""
        counted = self.values[place] != 0
        return self.near[place][counted], self.values[place][counted]

    def of(self, places: NDArray[np.bool_]) -> _Restricted:
        part = object.__new__(_Restricted)
        for name in ("rows", "near", "certain", "values", "friends"):
            setattr(part, name, getattr(self, name)[places])
        return part
