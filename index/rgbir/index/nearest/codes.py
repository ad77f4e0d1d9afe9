"""Eight bits a value: a scan of a quarter of the bytes, with a promise about what it didn't look at closely."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from rgbir.index.metric import Metric
from rgbir.index.nearest.products import products
from rgbir.index.nearest.sealed import sealed, shares

_UNIT = 2.0**-24  # float32 rounding
_CHUNK = 1_024  # rows quantised at once, so that float64 temporaries stay small


def lost(dimension: int) -> float:
    """The most that a float32 sum of so many products can lose, in any order, of (|q| + |x|)² or of |q| |x|."""
    return 2 * (dimension + 8) * _UNIT


def length(vector: NDArray[np.floating[Any]]) -> float:
    """The Euclidean length of a vector (d,), summed in float64."""
    return float(np.sqrt((vector.astype(np.float64) ** 2).sum()))


def squared_lengths(vectors: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """(n,), summed in float64."""
    squares = np.empty(len(vectors))
    for start in range(0, len(vectors), _CHUNK):
        piece = vectors[start : start + _CHUNK].astype(np.float64)
        squares[start : start + _CHUNK] = (piece * piece).sum(axis=1)
    return squares


def _longest(vectors: NDArray[np.floating[Any]]) -> float:
    return float(np.sqrt(squared_lengths(vectors).max(initial=0.0)))


class Candidates(NamedTuple):
    """What a scan proposes.

    Attributes:
        places: int64 (n,), positions in the slab, or row numbers where a `SlabScan` or a sketch proposes.
        lower: float64 (n,), no candidate's key is below its own.
        rest: no other row's key is below it; -inf where nothing can be promised.
    """

    places: NDArray[np.int64]
    lower: NDArray[np.float64]
    rest: float

    @classmethod
    def of(cls, places: NDArray[np.int64], lower: NDArray[np.floating[Any]]) -> Candidates:
        """From a scan's result, which ascends: what wasn't found is no nearer than the last that was.

        Args:
            places: (n,), -1 where nothing was found.
            lower: (n,), the bounds of their keys.
        """
        wide, there = lower.astype(np.float64), places >= 0
        if there.all() and np.isfinite(wide).all():
            return cls(places, wide, float(wide[-1]))
        return cls(places[there], wide[there], -np.inf)

    @classmethod
    def everything(cls, places: NDArray[np.int64]) -> Candidates:
        """All of these places (n,), without a bound: there are no others."""
        return cls(places, np.full(len(places), -np.inf), np.inf)


class Codes:
    """Rows in eight bits a value: c = round(x / s), with one scale s, and the largest error e = |x - s c| of the rows.

    The query is rounded as well, q ≈ t k with whole k in -127..127 and f = |q - t k|: FAISS's quickest kernels (where 32
    divides d) multiply bytes, and would round it by themselves and in silence. As | |q - x| - |s k - s c| | ≤ e + f and
    |q·x - t k·s c| ≤ f |x| + t |k| e, a scan of the codes bounds every key from below at a quarter of the memory's traffic.
    What float32 sums lose is part of the bound.
    """

    def __init__(self, metric: Metric, index: Any, scale: float, error: float, reach: float) -> None:
        self.metric, self.scale, self.error, self.reach = metric, scale, error, reach
        self._index = index

    @classmethod
    def of(cls, metric: Metric, vectors: NDArray[np.floating[Any]]) -> Self:
        """Of float32 or float16 rows (n, d)."""
        largest = max(float(np.abs(vectors).max(initial=0.0)), 0.0)
        scale = max(largest / 127, float(np.finfo(np.float32).tiny))
        index = _empty(metric, vectors.shape[1])
        error = reach = 0.0
        for start in range(0, len(vectors), _CHUNK):
            piece = vectors[start : start + _CHUNK].astype(np.float32, copy=False)
            codes = np.rint(piece / np.float32(scale))
            index.add(codes)
            error = max(error, _longest(piece.astype(np.float64) - codes.astype(np.float64) * scale))
            reach = max(reach, _longest(codes))
        return cls(metric, index, scale, error * (1 + 1e-9), reach)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def part(self, keep: NDArray[np.bool_]) -> Codes:
        """The codes of the rows that a mask (n,) keeps; their bounds hold on."""
        index = _empty(self.metric, self._index.d)
        index.add_sa_codes(np.ascontiguousarray(self.rows[keep]))
        return Codes(self.metric, index, self.scale, self.error, self.reach)

    def save(self, file: Path) -> None:
        """As a FAISS index; `scale`, `error` and `reach` are the caller's to keep."""
        import faiss

        faiss.write_index(self._index, str(file))

    @classmethod
    def open(cls, metric: Metric, file: Path, checksum: int, scale: float, error: float, reach: float) -> Self:
        """From a file of `save`, copied to memory that nothing can change any more, and that processes can share.

        Args:
            checksum: crc32 of the file.

        Raises:
            CacheDamaged: it is not what was written.
        """
        import faiss

        descriptor = sealed(file, checksum)
        try:
            index = faiss.read_index(f"/proc/self/fd/{descriptor}", faiss.IO_FLAG_MMAP_IFC)
        except BaseException:
            os.close(descriptor)
            raise
        codes = cls(metric, index, scale, error, reach)
        if shares():  # others find it as long as it is open
            weakref.finalize(codes, os.close, descriptor)
        else:
            os.close(descriptor)
        return codes

    @property
    def rows(self) -> NDArray[np.uint8]:
        """Each value plus 128: uint8 (n, d), in FAISS's memory."""
        import faiss

        codes = faiss.rev_swig_ptr(self._index.codes.data(), self._index.ntotal * self._index.d)
        return np.asarray(codes, np.uint8).reshape(self._index.ntotal, self._index.d)

    def products(
        self, queries: NDArray[np.float32], positions: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """The rows' inner products with many queries, and how far off they may be, but for what three float32 roundings lose.

        Args:
            queries: float32 (m, d), finite.
            positions: only these rows; None is all.

        Returns:
            float32 (n, m), and float64 (m,): no product of a query is further off.
        """
        rows = self.rows if positions is None else self.rows[positions]
        steps = np.array([_step(query) for query in queries])
        turned, off = zip(*(_rounded(query, step) for query, step in zip(queries, steps, strict=True)), strict=True)
        whole = np.stack(turned)
        long = np.array([length(query) for query in whole])
        doubt = np.array(off) * (self.reach * self.scale + self.error) + long * steps * self.error
        near = np.empty((len(rows), len(queries)), np.float32)
        sums = products(rows, np.ascontiguousarray(whole.T, np.int8))
        np.multiply(sums, (self.scale * steps).astype(np.float32), out=near, casting="unsafe")
        return near, doubt * (1 + 1e-9)

    def scan(self, query: NDArray[np.float32], width: int, positions: NDArray[np.int64] | None = None) -> Candidates:
        """The `width` nearest as the codes see it.

        Args:
            query: float32 (d,).
            positions: only these rows; None is all.
        """
        import faiss

        parameters: Any = None
        if positions is not None:
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBatch(positions))  # type: ignore[call-arg]
        slack = lost(len(query))
        if self.metric is Metric.EUCLIDEAN:
            turned, off = _rounded(query, self.scale)
            values, places = self._index.search(turned[None], width, params=parameters)
            least = np.maximum(values[0].astype(np.float64) - slack * (length(turned) + self.reach) ** 2, 0)
            nearest = np.maximum(np.sqrt(least) * self.scale * (1 - 1e-9) - self.error - off, 0)
            return Candidates.of(places[0], nearest**2 * (1 - 1e-9))
        step = _step(query)
        turned, off = _rounded(query, step)
        values, places = self._index.search(turned[None], width, params=parameters)
        long = length(turned)
        most = values[0].astype(np.float64) + slack * max(long * self.reach, 1.0)
        doubt = off * (self.reach * self.scale + self.error) + long * step * self.error
        return Candidates.of(places[0], 1.0 - most * self.scale * step - doubt * (1 + 1e-9) - 1e-12)


def _step(query: NDArray[np.float32]) -> float:
    """Of a query (d,), so that its largest value is 127 steps."""
    return max(float(np.abs(query).max(initial=0.0)) / 127, float(np.finfo(np.float32).tiny))


def _rounded(query: NDArray[np.float32], step: float) -> tuple[NDArray[np.float32], float]:
    """Whole multiples of the step, -127 to 127, and the length of what that leaves out."""
    wide = query.astype(np.float64)
    whole = np.clip(np.rint(wide / step), -127, 127)
    return whole.astype(np.float32), length(wide - whole * step) * (1 + 1e-9)


def _empty(metric: Metric, dimension: int) -> Any:
    import faiss

    kind = faiss.METRIC_L2 if metric is Metric.EUCLIDEAN else faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_8bit_direct_signed, kind)
    index.train(np.zeros((1, dimension), np.float32))
    return index
