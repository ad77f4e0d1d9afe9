"""Lists of neighbours: of some rows of a gallery the others that are most like them by the cosine, and what bounds the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rgbir.index.metric import Metric
from rgbir.index.nearest.codes import lost
from rgbir.index.nearest.slabs import Embeddings
from rgbir.index.nearest.view import View

NOBODY = -1
WIDTH = 32
"""Neighbours of a list, the row itself among them."""
_CELLS = 25_000_000
_PAIRS = 4_000_000  # values of vectors that are multiplied at once
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """Neighbours of some rows.

    Attributes:
        rows: int64 (n,), ascending: whose lists these are.
        near: int64 (n, width), row numbers: the row itself, then the others, the most alike first and equal ones by number;
            NOBODY at the end of a list that is shorter.
        cosines: float64 (n, width), -inf for NOBODY.
        rest: float64 (n,): no row that isn't listed is more alike; -inf where every row is listed.
    """

    rows: Rows
    near: NDArray[np.int64]
    cosines: NDArray[np.float64]
    rest: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def none(cls) -> Lists:
        return cls(np.empty(0, np.int64), np.empty((0, WIDTH), np.int64), np.empty((0, WIDTH)), np.empty(0))

    @property
    def bytes(self) -> int:
        return sum(part.nbytes for part in (self.rows, self.near, self.cosines, self.rest))

    def missing(self, wanted: Rows) -> Rows:
        """Those of the rows, ascending, that have no list."""
        if np.array_equal(wanted, self.rows):
            return wanted[:0]
        return wanted[~np.isin(wanted, self.rows, assume_unique=True)]

    def of(self, wanted: Rows) -> Lists:
        """Those of these rows, ascending, each of which has one."""
        return self if np.array_equal(wanted, self.rows) else self.part(np.searchsorted(self.rows, wanted))

    def part(self, places: NDArray[np.int64] | NDArray[np.bool_]) -> Lists:
        """Those at these places, int64 (m,), or where bool (n,) is True."""
        return Lists(self.rows[places], self.near[places], self.cosines[places], self.rest[places])

    def joined(self, other: Lists) -> Lists:
        """Both, of the same width and of different rows."""
        rows = np.concatenate((self.rows, other.rows))
        order = np.argsort(rows)
        return Lists(
            rows[order],
            np.concatenate((self.near, other.near))[order],
            np.concatenate((self.cosines, other.cosines))[order],
            np.concatenate((self.rest, other.rest))[order],
        )

    def without(self, gone: Rows) -> Lists:
        """Neither the lists of these rows, nor what others say of them."""
        kept = self.part(~np.isin(self.rows, gone)) if np.isin(gone, self.rows).any() else self
        named = np.isin(kept.near, gone)
        touched = np.flatnonzero(named.any(axis=1))
        if not len(touched):
            return kept
        near, cosines = kept.near.copy(), kept.cosines.copy()
        order = np.argsort(named[touched], axis=1, kind="stable")
        left = np.take_along_axis(~named[touched], order, axis=1)
        near[touched] = np.where(left, np.take_along_axis(near[touched], order, axis=1), NOBODY)
        cosines[touched] = np.where(left, np.take_along_axis(cosines[touched], order, axis=1), -np.inf)
        return replace(kept, near=near, cosines=cosines)

    def with_new(self, source: Source, new: Rows) -> Lists:
        """The same after rows came to the gallery."""
        if not len(new) or not len(self):
            return self
        near, cosines, rest = self.near.copy(), self.cosines.copy(), self.rest.copy()
        width, slack = near.shape[1], source.slack
        units = source.units(new).T
        for start in range(0, len(self), step := max(1, _CELLS // len(new))):
            here = slice(start, start + step)
            estimates = source.units(self.rows[here]) @ units
            reached = estimates >= (cosines[here, -1] - slack)[:, None]
            np.maximum(rest[here], np.where(reached.all(axis=1), -np.inf, cosines[here, -1]), out=rest[here])
            for place in np.flatnonzero(reached.any(axis=1)).tolist():
                row, coming = start + place, new[reached[place]]
                names = np.concatenate((near[row], coming))
                values = np.concatenate((cosines[row], source.cosines(np.full(len(coming), self.rows[row]), coming)))
                order = np.lexsort((names, -values, names != self.rows[row]))
                near[row], cosines[row] = names[order[:width]], values[order[:width]]
                rest[row] = max(rest[row], values[order[width]])
        return Lists(self.rows, near, cosines, rest)


class Source:
    """A view's rows by their numbers."""

    def __init__(self, view: View) -> None:
        self.slabs = view.slabs(view.cameras)
        numbers = np.concatenate([np.empty(0, np.int64), *(slab.rows for slab in self.slabs)])
        order = np.argsort(numbers)
        self.rows: Rows = numbers[order]
        self._slab = np.repeat(np.arange(len(self.slabs)), [len(slab) for slab in self.slabs])[order]
        self._place = np.concatenate([np.empty(0, np.int64), *(np.arange(len(slab)) for slab in self.slabs)])[order]
        self._squares = np.concatenate([np.empty(0), *(slab.squares for slab in self.slabs)])[order]
        self.dimension = self.slabs[0].vectors.shape[1] if self.slabs else 0
        self.slack = 2 * lost(self.dimension)
        """The most that a cosine of float32 units differs from the exact one."""

    def squares(self, rows: Rows) -> NDArray[np.float64]:
        """Squared lengths, float64 (n,)."""
        return self._squares[np.searchsorted(self.rows, rows)]

    def vectors(self, rows: Rows) -> Embeddings:
        """(n, d), as they are kept."""
        places = np.searchsorted(self.rows, rows)
        origins, positions = self._slab[places], self._place[places]
        out = np.empty((len(rows), self.dimension), self.slabs[0].stored.dtype)
        for number in np.unique(origins).tolist():
            here = origins == number
            out[here] = self.slabs[number].some(positions[here])
        return out

    def units(self, rows: Rows) -> NDArray[np.float32]:
        """float32 (n, d), at length 1."""
        return Metric.COSINE.prepare(self.vectors(rows).astype(np.float32, copy=False))

    def cosines(self, rows: Rows, others: Rows) -> NDArray[np.float64]:
        """Of each row and the other at its place, float64 (n,); each value depends on its own two rows alone."""
        out = np.empty(len(rows))
        for start in range(0, len(rows), step := max(1, _PAIRS // max(1, self.dimension))):
            here = slice(start, start + step)
            product = self.vectors(rows[here]).astype(np.float64)
            product *= self.vectors(others[here])
            lengths = np.sqrt(self.squares(rows[here]) * self.squares(others[here]))
            out[here] = product.sum(axis=1) / np.where(lengths > 0, lengths, 1)
        return out

    def lists(self, wanted: Rows, among: Rows | None = None, width: int = WIDTH) -> Lists:
        """Lists of these rows, ascending.

        A float32 product proposes neighbours; their cosines are computed in float64.

        Args:
            among: the only rows that are neighbours, ascending; all if None.
        """
        every, pieces = self._pieces(among)
        rows = self.rows if among is None else among
        parts = [
            self._lists(block, every, pieces, width) for block in _blocks(wanted, max(1, _CELLS // max(1, len(rows))))
        ]
        if not parts:
            return replace(Lists.none(), near=np.empty((0, width), np.int64), cosines=np.empty((0, width)))
        return Lists(
            *(
                np.concatenate(arrays)
                for arrays in zip(*((p.rows, p.near, p.cosines, p.rest) for p in parts), strict=True)
            )
        )

    def _pieces(self, among: Rows | None) -> tuple[Rows, list[tuple[int, Rows | None]]]:
        """Row numbers in the order of the slabs, and which positions of which slab they are; None is all."""
        if among is None:
            return np.concatenate([slab.rows for slab in self.slabs]), [(n, None) for n in range(len(self.slabs))]
        chosen = [
            (n, np.flatnonzero(np.isin(slab.rows, among, assume_unique=True))) for n, slab in enumerate(self.slabs)
        ]
        chosen = [(n, at) for n, at in chosen if len(at)]
        return np.concatenate([self.slabs[n].rows[at] for n, at in chosen]), list(chosen)

    def _lists(self, wanted: Rows, every: Rows, pieces: list[tuple[int, Rows | None]], width: int) -> Lists:
        count, wide = min(width, len(every)), len(every)
        estimates = np.empty((len(wanted), wide), np.float32)
        asked, start = self.units(wanted), 0
        for number, at in pieces:
            slab = self.slabs[number]
            rows = slab.vectors if at is None else slab.some(at)
            out = estimates[:, start : start + len(rows)]
            np.matmul(asked, rows.astype(np.float32, copy=False).T, out=out)
            lengths = np.sqrt(slab.squares if at is None else slab.squares[at])
            out /= np.where(lengths > 0, lengths, 1).astype(np.float32)
            start += len(rows)
        places, last = _largest(estimates, count)
        near = np.full((len(wanted), width), NOBODY)
        near[:, :count] = every[places]
        absent = ~(near == wanted[:, None]).any(axis=1)  # crowded out by its twins
        near[absent, count - 1] = wanted[absent]
        cosines = np.full((len(wanted), width), -np.inf)
        owners = np.repeat(wanted, count)
        cosines[:, :count] = self.cosines(owners, near[:, :count].reshape(-1)).reshape(-1, count)
        order = np.lexsort((near, -cosines, near != wanted[:, None]))
        rest = np.full(len(wanted), -np.inf) if wide <= width else last.astype(np.float64) + self.slack
        return Lists(wanted, np.take_along_axis(near, order, 1), np.take_along_axis(cosines, order, 1), rest)


def _blocks(rows: Rows, step: int) -> Iterator[Rows]:
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _largest(values: NDArray[np.float32], count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Places of the `count` largest of each row, (n, count) in any order, and the smallest of them (n,).

    A sample of the columns gives a bar that few others reach, which is far quicker than to part each row.
    """
    wide = values.shape[1]
    stride = max(1, min(wide // 4096, 16))
    sample = values[:, ::stride]
    bar = np.partition(sample, sample.shape[1] - count, axis=1)[:, sample.shape[1] - count]
    owner, place = np.divmod(np.flatnonzero(values >= bar[:, None]), wide)
    reached = values[owner, place]
    order = np.lexsort((-reached, owner))
    firsts = np.searchsorted(owner, np.arange(len(values)))
    chosen = order[firsts[:, None] + np.arange(count)]
    return place[chosen], reached[chosen[:, -1]]
