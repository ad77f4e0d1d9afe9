"""The rows that a search goes over, and how they change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Nearest = list[tuple[float, int]]
"""(key, row), the most alike first; ties by row."""


class Mark(NamedTuple):
    """A state of the store.

    Attributes:
        generation: counts the changes.
        last_row: number of the last row that came.
        last_removal: number of the last removal.
    """

    generation: int = 0
    last_row: int = 0
    last_removal: int = 0


class Vector(NamedTuple):
    """A row as the search needs it.

    Attributes:
        row: its number, in enrolment order.
        camera: that took it.
        taken_at: microseconds since 1970; None if unknown.
        identity: whom it shows; None if unknown.
        blob: the embedding's bytes.
        dtype: of the embedding's values.
    """

    row: int
    camera: str
    taken_at: int | None
    identity: int | None
    blob: bytes
    dtype: np.dtype[Any]

    @property
    def embedding(self) -> NDArray[Any]:
        """(d,), as it is stored."""
        return np.frombuffer(self.blob, self.dtype)


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened between two marks.

    Attributes:
        mark: the later one.
        removed: (row, camera) of what went.
        added: what came, in enrolment order.
    """

    mark: Mark
    removed: list[tuple[int, str]]
    added: Iterator[Vector]
