"""Is a search that may miss still good enough? Real queries, asked again exactly."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from rgbir.index.nearest.sketches import MOST_WIDTH, Choice, Kind

EVERY = 50
"""Of so many approximate searches one is audited."""
_KEPT, _ENOUGH = 200, 20
_log = logging.getLogger(__name__)


class Audit:
    """Recall on a sample of the queries that were really asked; widens by itself, and gives up when that doesn't help.

    Thread-safe.
    """

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.audited = self.widened = 0
        self._asked = 0
        self._recalls: deque[float] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()

    @property
    def recall(self) -> float | None:
        """Mean of the last audits at this width; None before the first."""
        with self._lock:
            return sum(self._recalls) / len(self._recalls) if self._recalls else None

    def due(self) -> bool:
        """Whether this search is to be audited."""
        with self._lock:
            self._asked += 1
            return self._asked % EVERY == 1

    def compare(self, rows: Sequence[int], exact: Sequence[int]) -> None:
        """Takes the rows that were found, and those that should have been."""
        if not exact:
            return
        with self._lock:
            self.audited += 1
            self._recalls.append(len(set(rows) & set(exact)) / len(exact))
            recall = sum(self._recalls) / len(self._recalls)
            if len(self._recalls) < _ENOUGH or recall >= self.choice.recall:
                return
            self._recalls.clear()
            if 2 * self.choice.width > MOST_WIDTH:
                _log.warning("recall %.3f at width %d: searches are exact again", recall, self.choice.width)
                self.choice = replace(self.choice, kind=Kind.EXACT)
                return
            self.widened += 1
            self.choice = replace(self.choice, width=2 * self.choice.width)
            _log.warning("recall %.3f is below %.3f: width is %d now", recall, self.choice.recall, self.choice.width)
