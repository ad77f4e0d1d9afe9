"""A quick look over a slab, for one query."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rgbir.index.nearest.codes import Candidates
from rgbir.index.nearest.slabs import Rows, Slab


class SlabScan:
    """Goes over a slab's rows, or over those at some positions. Whoever asks again was promised too little before."""

    exact = True

    def __init__(self, slab: Slab, positions: Rows | None) -> None:
        self.slab, self.positions = slab, positions
        self._breadth = slab.breadth if positions is None else 1
        self._scans = 0

    def __len__(self) -> int:
        return len(self.slab)

    def scan(self, query: NDArray[np.float32], width: int) -> Candidates:
        """Candidates whose places are row numbers."""
        if self._scans:
            self.slab.had_to_widen(first=self._scans == 1)
        self._scans += 1
        places, lower, rest = self.slab.scan(query, width * self._breadth, self.positions)
        return Candidates(self.slab.rows[places], lower, rest)
