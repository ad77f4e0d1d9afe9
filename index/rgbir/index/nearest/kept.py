"""Embeddings in a file, compared with their checksums each time they are read: what changes on disk is an error, never an answer.

The file isn't mapped: a mapping would show what somebody writes over it, and end the process where somebody cuts it off.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import CacheDamaged
from rgbir.index.machine import memory
from rgbir.index.words import why

MOST_IN_MEMORY = 0.5
"""Of the memory that this process may use, for embeddings that were read whole; past it they are read again each time."""
SMALL = 16 * 2**20
"""Bytes of rows that are kept in memory once as many were read singly as there are: reading them whole is one moment's work."""
_in_memory = 0


class KeptRows:
    """Rows of a file of NumPy's, float32 or float16 (n, d).

    Args:
        file: where they are. It is held open, so that another that takes its place changes nothing.
        offset: where the first row begins.
        checksums: uint32 (n,), crc32 of each row.
    """

    def __init__(
        self, file: Path, dtype: np.dtype[Any], shape: tuple[int, int], offset: int, checksums: NDArray[np.uint32]
    ) -> None:
        self.file, self.dtype, self.shape, self.offset, self.checksums = file, dtype, shape, offset, checksums
        self._descriptor = os.open(file, os.O_RDONLY)
        self._whole: NDArray[Any] | None = None
        self._singly = 0

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        return self.shape[0] * self.shape[1]

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __del__(self) -> None:
        global _in_memory
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)
            _in_memory -= 0 if self._whole is None else self.nbytes

    def some(self, places: NDArray[np.int64]) -> NDArray[Any]:
        """The rows at these places (n,), as (n, d).

        Raises:
            CacheDamaged: one is not what was written.
        """
        if self._whole is not None:
            return self._whole[places]
        self._singly += len(places)
        if self._singly >= len(self) and self.nbytes <= SMALL:
            self._singly = 0
            return self.whole()[places]
        rows = np.empty((len(places), self.shape[1]), self.dtype)
        width = self.shape[1] * self.dtype.itemsize
        for row, place in zip(rows, places.tolist(), strict=True):
            self._fill(row, self.offset + place * width)
            self._compare(row, place)
        return rows

    def whole(self) -> NDArray[Any]:
        """All rows, (rows, d); kept in memory if there is as much.

        Raises:
            CacheDamaged: one is not what was written.
        """
        global _in_memory
        if self._whole is not None:
            return self._whole
        rows = np.empty(self.shape, self.dtype)
        self._fill(rows, self.offset)
        for place, row in enumerate(rows):
            self._compare(row, place)
        if _in_memory + self.nbytes <= MOST_IN_MEMORY * memory():
            self._whole = rows
            _in_memory += self.nbytes
        return rows

    def _fill(self, rows: NDArray[Any], offset: int) -> None:
        left = rows.data.cast("B")
        try:
            while left:
                count = os.preadv(self._descriptor, [left], offset)
                if not count:
                    raise CacheDamaged(f"{self.file.name} in the cache is shorter than it was")
                left, offset = left[count:], offset + count
        except OSError as error:
            raise CacheDamaged(f"{self.file.name} can't be read: {why(error)}") from error

    def _compare(self, row: NDArray[Any], place: int) -> None:
        if zlib.crc32(row.data) != self.checksums[place]:
            raise CacheDamaged(f"row {place} in the cache is not what was written ({self.file.name})")
