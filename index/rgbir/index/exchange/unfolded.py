"""A file of others, unfolded into plain rows by a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.confined.start import Limits, read_apart
from rgbir.index.errors import Unreadable, UsageError
from rgbir.index.exchange import parquet, unfold
from rgbir.index.exchange.kinds import Kind, labels_beside
from rgbir.index.exchange.sink import ABOUT, LABELS, VALUES

UNFOLDS = 16
"""Bytes of embeddings that a byte of a file may stand for, beside the limits' memory."""
LIMITS = Limits(seconds=120)
"""And a second for each MiB of a file."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some rows of a file.

    Attributes:
        first: the number of the first of them, from 1.
        columns: values by column, as JSON has them; all of the same length.
        embeddings: float32 (n, d), as the file gave them.
    """

    first: int
    columns: Mapping[str, list[Any]]
    embeddings: NDArray[np.float32]

    def rows(self) -> Iterator[tuple[int, dict[str, Any], NDArray[np.float32]]]:
        """Each row's number, its cells by column, and its embedding, float32 (d,)."""
        for place, embedding in enumerate(self.embeddings):
            yield self.first + place, {name: cells[place] for name, cells in self.columns.items()}, embedding


@dataclass(frozen=True, slots=True, eq=False)
class Unfolded:
    """A file that was read.

    Attributes:
        folder: holds what the process wrote.
        rows, dimension: how many rows of how many values.
        card: the text of the card that the file has in itself; None if it has none.
        problems: rows that can't be read, by number, with the reason.
        labels: the table of a FAISS index that was read with it.
    """

    folder: Path
    rows: int
    dimension: int
    card: str | None
    problems: tuple[tuple[int, str], ...]
    labels: Path | None = None

    def batches(self) -> Iterator[Batch]:
        """The rows in order, some at a time; the values stay on disk until they are looked at."""
        if not self.rows:
            return
        values = np.memmap(self.folder / VALUES, "<f4", "r", shape=(self.rows, self.dimension))
        first = 0
        with (self.folder / LABELS).open(encoding="utf-8") as lines:
            for line in lines:
                columns = json.loads(line)
                count = columns.pop("rows")
                yield Batch(first + 1, columns, np.asarray(values[first : first + count]))
                first += count


@contextmanager
def unfolded(file: Path, labels: Path | None = None, limits: Limits = LIMITS) -> Iterator[Unfolded]:
    """What a file holds, while the block lasts.

    Args:
        labels: the table of a FAISS index; None is the one beside it, if there is one.
        limits: of the process that reads it.

    Raises:
        UsageError: no such file, one that isn't what its suffix says, damaged, hostile, or larger than its limits.
    """
    kind = Kind.to_read(file)
    if not file.is_file():
        raise UsageError(f"{file} is not a file; expected one that `rgbir index export` wrote, or another system")
    if kind is Kind.PARQUET:
        parquet.expect_pyarrow()
    if kind is Kind.FAISS:
        labels = labels or (labels_beside(file) if labels_beside(file).is_file() else None)
        if labels is not None and not labels.is_file():
            raise UsageError(f"{labels} is not a file; --labels is a CSV table with a column number")
    elif labels is not None:
        raise UsageError(f"--labels is the table of a FAISS index; {file.name} has its labels in itself")
    size = file.stat().st_size + (0 if labels is None else 4 * labels.stat().st_size)
    most = limits.memory + UNFOLDS * size
    allowed = Limits(limits.memory + 4 * size, limits.seconds + (size >> 20), most)
    try:
        with read_apart(
            unfold.__name__, file, allowed, [kind, str(most), str((labels or Path()).resolve()) if labels else ""]
        ) as folder:
            about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            problems = tuple((row, reason) for row, reason in about["problems"])
            yield Unfolded(folder, about["rows"], about["dimension"], about["card"], problems, labels)
    except Unreadable as error:
        raise UsageError(f"{file} can't be read: {error}") from None
