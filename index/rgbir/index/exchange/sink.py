"""Where a reader puts what it reads: plain files that the process which started it can trust to be plain."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import UsageError

VALUES, LABELS, ABOUT = "embeddings.f32", "labels.jsonl", "about.json"
BATCH = 1024
"""Rows that are read at once."""
MOST_PROBLEMS = 10
"""Rows that are named where rows can't be read."""


class Sink:
    """Takes rows in batches, in a `with` block: `embeddings.f32` has the values, `labels.jsonl` a JSON object of columns for each batch.

    Args:
        folder: an empty one.
        most: bytes that all embeddings together may have.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self.folder, self.most = folder, most
        self.rows = self.dimension = 0
        self.card: str | None = None
        self.problems: list[tuple[int, str]] = []
        self._values = (folder / VALUES).open("wb")
        self._labels = (folder / LABELS).open("w", encoding="utf-8")

    def expect_room(self, rows: int, dimension: int) -> None:
        """Refuses more rows than a file of its size can have.

        Raises:
            UsageError: there are more.
        """
        if rows < 0 or dimension < 1 or rows * dimension * 4 > self.most:
            raise UsageError(
                f"it claims {rows:,} rows of {dimension:,} values, {rows * dimension * 4 / 2**30:,.1f} GiB; a file of its size"
                f" may unfold to {self.most / 2**30:.1f} GiB"
            )

    def put(self, columns: Mapping[str, Sequence[Any]], embeddings: NDArray[Any]) -> None:
        """The next rows.

        Args:
            columns: values as JSON has them, by column.
            embeddings: float32 or float16 (n, d).

        Raises:
            UsageError: another type, another length than the rows before, or too many.
        """
        if embeddings.dtype not in (np.float32, np.float16):
            raise UsageError(f"embeddings are float32 or float16, not {embeddings.dtype}; convert them first")
        if embeddings.ndim != 2 or embeddings.shape[1] < 1:
            raise UsageError(f"embeddings are n rows of d values, not {embeddings.shape}")
        self.dimension = self.dimension or embeddings.shape[1]
        if embeddings.shape[1] != self.dimension:
            raise UsageError(
                f"row {self.rows + 1} has {embeddings.shape[1]} values, the rows before it {self.dimension}; all have as many"
            )
        self.expect_room(self.rows + len(embeddings), self.dimension)
        self._values.write(np.ascontiguousarray(embeddings, "<f4").tobytes())
        json.dump({"rows": len(embeddings), **columns}, self._labels)
        self._labels.write("\n")
        self.rows += len(embeddings)

    def refuse(self, row: int, reason: str) -> None:
        """Notes that a row, counted from 1, can't be read."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append((row, reason))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Ends the files. Without `about.json`, which comes last, nothing was read."""
        self._values.close()
        self._labels.close()
        if kind is None:
            about = {"rows": self.rows, "dimension": self.dimension, "card": self.card, "problems": self.problems}
            (self.folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")
