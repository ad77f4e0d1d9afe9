"""A quick look over a slab: of its codes, or of its floats by FAISS's own brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.metric import Metric
from rgbir.index.nearest.codes import Candidates, length, lost
from rgbir.index.nearest.slabs import Rows, Slab, threads


class SlabScan:
    """Goes over a slab's rows, or over those at some positions, for one query.

    Whoever asks again was promised too little before, and the slab's `Coding` learns of it.
    """

    exact = True

    def __init__(self, slab: Slab, positions: Rows | None) -> None:
        self.slab, self.positions = slab, positions
        self._breadth = slab.coding.breadth if positions is None else 1
        self._scans = 0

    def __len__(self) -> int:
        return len(self.slab)

    def scan(self, query: NDArray[np.float32], width: int) -> Candidates:
        """The `width` rows most alike to a query (d,) as the scan sees them, and what can be promised of the others."""
        slab, positions, coding = self.slab, self.positions, self.slab.coding
        if self._scans:
            coding.widened(first=self._scans == 1)
        self._scans += 1
        width *= self._breadth
        if positions is None and coding.too_wide(width):
            width = min(width, len(slab) // 16)
        if width >= (len(slab) if positions is None else len(positions)):
            return Candidates.everything(slab.rows if positions is None else slab.rows[positions])
        if coding.scanned():
            threads().submit(slab.code)
        codes = coding.codes
        places, lower, rest = self._floats(query, width) if codes is None else codes.scan(query, width, positions)
        return Candidates(slab.rows[places], lower, rest)

    def _floats(self, query: NDArray[np.float32], width: int) -> Candidates:
        metric, reach, positions = self.slab.metric, self.slab.reach, self.positions
        vectors = self.slab.vectors if positions is None else self.slab.vectors[positions]
        values, places = _flat(metric, query, np.ascontiguousarray(vectors, np.float32), width)
        slack, tiny = lost(len(query)), len(query) * 1e-37
        if metric is Metric.EUCLIDEAN:
            lower = values - slack * (length(query) + reach) ** 2 - tiny
        else:
            lower = 1.0 - values - slack * max(length(query) * reach, 1.0) - tiny
        return Candidates.of(places if positions is None else np.where(places < 0, -1, positions[places]), lower)


def _flat(
    metric: Metric, query: NDArray[np.float32], vectors: NDArray[np.float32], width: int
) -> tuple[NDArray[np.float32], Rows]:
    """FAISS's own brute force on memory that isn't its own: (values, places), both (width,)."""
    import faiss

    values, places = np.empty(width, np.float32), np.empty(width, np.int64)
    query = np.ascontiguousarray(query)
    search: Any = faiss.knn_L2sqr if metric is Metric.EUCLIDEAN else faiss.knn_inner_product
    pointers = [faiss.swig_ptr(array) for array in (query, vectors, values, places)]
    search(pointers[0], pointers[1], len(query), 1, len(vectors), width, pointers[2], pointers[3])
    return values, places
