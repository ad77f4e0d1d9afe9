"""A slab's codes, and what searches learn of them: when they are worth making, how far to trust them, when to give up."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.metric import Metric
from rgbir.index.nearest.codes import Codes

WORTH_CODES, ASKED_BEFORE_CODES = 1_024, 8
"""A slab of so many rows gets codes once it was searched so often; they add a quarter to its memory."""
TOO_MANY = 8
"""Rows by hit that codes may leave to be looked at closely in a joined search; past it floats are multiplied."""
FORGETS_AFTER = 64
"""So many scans after a search had to widen, the next ones are given fewer candidates again."""


class Coding:
    """All that changes of a slab. Thread-safe.

    Attributes:
        codes: None until they are made, and where they were given up.
        breadth: how many times as many candidates as it asks for a search is given at once.
        widenings: how often a search had to ask again.
        given_up: whether the codes bounded too little.
        loose: whether they bound too little for joined searches.
    """

    def __init__(self, rows: int, codes: Codes | None) -> None:
        self.codes, self.breadth, self.widenings, self.given_up, self.loose = codes, 1, 0, False, False
        self._rows, self._making, self._lock = rows, False, threading.Lock()
        self._asked = self._coded_scans = self._wide_scans = 0

    @property
    def lacking(self) -> bool:
        """Whether there are no codes, and they would be worth making."""
        return self.codes is None and not self.given_up and self._rows >= WORTH_CODES

    def make(self, metric: Metric, vectors: NDArray[np.floating[Any]]) -> None:
        """Codes these vectors (n, d), unless codes were given up."""
        self._making = True
        codes = Codes.of(metric, vectors)
        with self._lock:
            self.codes = None if self.given_up else codes

    def scanned(self) -> bool:
        """Counts a scan. True once, when codes are to be made beside the searches."""
        with self._lock:
            if self.codes is not None:
                self._coded_scans += 1
                if self._coded_scans % FORGETS_AFTER == 0:
                    self.breadth = max(1, self.breadth // 2)
            elif self.lacking and not self._making:
                self._asked += 1
                self._making = self._asked >= ASKED_BEFORE_CODES
                return self._making
            return False

    def widened(self, first: bool) -> None:
        """A search was promised too little, for the first time or again: the next ones ask for more at once."""
        with self._lock:
            self.widenings += 1
            if first:
                self.breadth = min(2 * self.breadth, self._rows)

    def bounded(self, rows: float, top_k: int) -> None:
        """In a joined search so many rows of each query had to be looked at closely, on average."""
        self.loose = self.loose or (self.codes is not None and rows > TOO_MANY * top_k)

    def too_wide(self, width: int) -> bool:
        """Codes that must give a quarter of the rows bound too little; after some such scans they are given up."""
        with self._lock:
            if self.codes is None or self.breadth == 1 or 4 * width < self._rows:
                return False
            self._wide_scans += 1
            if self._wide_scans > ASKED_BEFORE_CODES:
                self.codes, self.given_up, self.breadth = None, True, 1
            return self.given_up
