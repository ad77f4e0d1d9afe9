"""A FAISS index file: vectors with whole numbers for ids. Their labels stand in a CSV table beside it, by number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import UsageError
from rgbir.index.exchange.columns import Cell
from rgbir.index.exchange.sink import BATCH, Sink
from rgbir.index.exchange.source import Source
from rgbir.index.exchange.table import lines_of
from rgbir.index.metric import Metric

FLAT = ("IndexFlatIP", "IndexFlatL2", "IndexFlat")
"""Kinds that hold vectors as they are. What others give back is rounded, or another thing."""
MAPS = ("IndexIDMap", "IndexIDMap2")


def unfold(file: Path, sink: Sink, labels: Path | None) -> None:
    """Puts an index's vectors into the sink, each with the line of the table that has its number.

    Args:
        labels: a table with a column `number`; None if there is none.

    Raises:
        UsageError: it isn't such a file, or index and table don't fit.
    """
    vectors, numbers = _vectors(file)
    lines = None if labels is None else _by_number(labels)
    if lines is not None:
        absent = [int(number) for number in numbers if int(number) not in lines]
        if absent:
            raise UsageError(
                f"the table of labels has no line for number {absent[0]}, which is in the index; {len(absent):,} are missing"
            )
        if len(lines) > len(numbers):
            more = next(iter(lines.keys() - {int(number) for number in numbers}))
            raise UsageError(f"the table of labels has a line for number {more}, which isn't in the index")
    sink.expect_room(*vectors.shape)
    for start in range(0, len(vectors), BATCH):
        part = [int(number) for number in numbers[start : start + BATCH]]
        rows: list[dict[str, Cell]] = [{"id": str(n)} if lines is None else lines[n] for n in part]
        names = rows[0].keys()
        sink.put({name: [row[name] for row in rows] for name in names}, vectors[start : start + BATCH])


def _vectors(file: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Vectors, float32 (n, d), and their numbers, int64 (n,)."""
    import faiss

    try:
        whole = faiss.read_index(str(file))  # FAISS frees it, with what is in it, once nobody names it
    except MemoryError:
        raise
    except Exception as error:  # FAISS raises RuntimeError with its source's lines
        if "alloc" in str(error):
            raise MemoryError from None
        raise UsageError("it is damaged, or no FAISS index; write it again with faiss.write_index") from None
    index: Any = faiss.downcast_index(whole)
    numbers = None
    if type(index).__name__ in MAPS:
        numbers = faiss.vector_to_array(index.id_map)
        index = faiss.downcast_index(index.index)
    if type(index).__name__ not in FLAT:
        raise UsageError(
            f"it is an {type(index).__name__}, which doesn't hold vectors as they were given; export an IndexFlatIP or"
            " IndexFlatL2, or one of these in an IndexIDMap2"
        )
    count, dimension = int(index.ntotal), int(index.d)
    values = faiss.vector_to_array(index.codes).view(np.float32)
    numbers = np.arange(count) if numbers is None else numbers
    if values.size != count * dimension or len(numbers) != count:
        raise UsageError(
            f"it claims {count:,} vectors of {dimension:,} values and has {values.size:,} values; it is damaged"
        )
    if len(np.unique(numbers)) != count:
        raise UsageError("a number stands there twice; ids of an index differ")
    return values.reshape(count, dimension), numbers


def _by_number(labels: Path) -> dict[int, dict[str, Cell]]:
    lines: dict[int, dict[str, Cell]] = {}
    for row, line in enumerate(lines_of(labels, ("number",)), 1):
        cell = str(line.pop("number") or "")
        if not (cell.removeprefix("-").isascii() and cell.removeprefix("-").isdecimal() and len(cell) < 20):
            raise UsageError(f"the table of labels: row {row}: number is a whole number, not {cell[:40]!r}")
        if int(cell) in lines:
            raise UsageError(f"the table of labels: row {row}: number {cell} stands there twice")
        lines[int(cell)] = line
    return lines


def write(file: Path, source: Source) -> None:
    """Writes an IndexIDMap2 of an exact index, by whose distances the order is the gallery's. It is made in memory."""
    import faiss

    dimension = source.card.made_by.dimension
    cosine = source.card.made_by.metric is Metric.COSINE
    index = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension) if cosine else faiss.IndexFlatL2(dimension))
    first = 0
    for group, embeddings in source.batches():
        index.add_with_ids(np.ascontiguousarray(embeddings, np.float32), np.arange(first, first + len(group)))
        first += len(group)
    faiss.write_index(index, str(file))
