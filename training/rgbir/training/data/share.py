"""Which rows of a batch a process makes, where several train together."""

from __future__ import annotations

from typing import NamedTuple


class Share(NamedTuple):
    """An equal part of every batch: neighbouring rows.

    Attributes:
        number: which part, 0 ≤ number < parts.
        parts: into how many parts batches are divided.
    """

    number: int = 0
    parts: int = 1

    def of(self, rows: int) -> slice:
        """Its rows of a batch of so many, which its parts divide."""
        each = rows // self.parts
        return slice(self.number * each, (self.number + 1) * each)


WHOLE = Share()
"""Of a process that trains alone."""
