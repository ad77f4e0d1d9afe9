"""CSV: a line for each sighting, its embedding as a JSON list in one cell."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import UsageError
from rgbir.index.exchange.columns import EMBEDDING, Cell, cells_of, expect_known
from rgbir.index.exchange.sink import BATCH, Sink
from rgbir.index.exchange.source import Source

FORMULA = ("=", "+", "-", "@", "'", "\t", "\r")
"""What a cell begins with that a spreadsheet may run, and the mark that is put before it, so that reading takes off the same."""
MARK = "'"
FREE = ("id", "camera", "track", "source", "digest")
"""Columns whose text others chose."""
LONGEST_CELL = 8 << 20


def marked(text: str) -> str:
    """A text as a cell that no spreadsheet runs."""
    return MARK + text if text.startswith(FORMULA) else text


def unmarked(cell: str) -> str:
    """The text of such a cell."""
    return cell[1:] if cell.startswith(MARK) and cell[1:].startswith(FORMULA) else cell


def unfold(file: Path, sink: Sink) -> None:
    """Puts a table's rows into the sink.

    Raises:
        UsageError: it isn't such a table.
    """
    for columns, embeddings in _batches(file, sink):
        sink.put(columns, embeddings)


def _batches(file: Path, sink: Sink) -> Iterator[tuple[dict[str, list[Cell]], NDArray[np.float32]]]:
    rows: list[dict[str, Cell]] = []
    values: list[NDArray[np.float32]] = []
    dimension = 0
    for number, row in enumerate(lines_of(file, (EMBEDDING,)), 1):
        embedding = _embedding(row.pop(EMBEDDING), number, sink)
        if embedding is not None:
            dimension = dimension or len(embedding)
            if len(embedding) != dimension:
                sink.refuse(number, f"it has {len(embedding)} values, the rows before it {dimension}; all have as many")
                embedding = None
        rows.append(row)
        values.append(np.ones(dimension or 1, np.float32) if embedding is None else embedding)
        if len(rows) == BATCH:
            yield _together(rows, values, dimension)
            rows, values = [], []
    if rows:
        yield _together(rows, values, dimension)


def _together(
    rows: list[dict[str, Cell]], values: list[NDArray[np.float32]], dimension: int
) -> tuple[dict[str, list[Cell]], NDArray[np.float32]]:
    """Rows as columns; a row that is refused stands there with any values of the right length."""
    alike = [row if len(row) == dimension else np.ones(dimension or 1, np.float32) for row in values]
    return {name: [row[name] for row in rows] for name in rows[0]}, np.stack(alike)


def _embedding(cell: Cell, number: int, sink: Sink) -> NDArray[np.float32] | None:
    try:
        content = json.loads(str(cell or ""))
        if isinstance(content, list) and content and all(type(value) in (int, float) for value in content):
            with np.errstate(over="ignore"):
                return np.array(content, np.float64).astype(np.float32)
    except (ValueError, OverflowError, RecursionError):
        pass
    sink.refuse(number, f"embedding is a JSON list of numbers, not {str(cell or '')[:40]!r}")
    return None


def lines_of(file: Path, needed: tuple[str, ...]) -> Iterator[dict[str, Cell]]:
    """The lines of a table by column, but empty ones; an empty cell is None.

    Args:
        needed: columns that it must have, beside those that every table may.

    Raises:
        UsageError: not a CSV table in UTF-8, or a column is missing or unknown.
    """
    csv.field_size_limit(LONGEST_CELL)
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            yield from _lines(stream, needed)
    except UnicodeError:
        raise UsageError("it is no CSV table in UTF-8") from None


_FAULTS = {
    "field larger": f"a cell has over {LONGEST_CELL >> 20} MiB",
    "unexpected end": "a quote is opened and never closed",
}
"""By what Python's reader says."""


def _read(stream: IO[str]) -> Iterator[list[str]]:
    """
    Raises:
        UsageError: a line that isn't CSV.
    """
    rows = csv.reader(stream, strict=True)
    try:
        yield from rows
    except csv.Error as error:
        words = (ours for theirs, ours in _FAULTS.items() if theirs in str(error))
        fault = next(words, "a quote stands where none may be")
        raise UsageError(f"it is no CSV table, by line {rows.line_num}: {fault}") from None


def _lines(stream: IO[str], needed: tuple[str, ...]) -> Iterator[dict[str, Cell]]:
    rows = _read(stream)
    header = next(rows, [])
    if len(header) == 1 and ";" in header[0]:
        raise UsageError("its columns are separated by semicolons; save the table with commas")
    if missing := [name for name in needed if name not in header]:
        raise UsageError(
            f"its first line names no column {missing[0]}; it names {', '.join(header)[:200] or 'nothing'}"
        )
    expect_known(header, needed)
    for number, row in enumerate((row for row in rows if row), 1):
        if len(row) != len(header):
            raise UsageError(f"row {number} has {len(row)} cells, its first line names {len(header)} columns")
        yield {name: _cell(name, cell) for name, cell in zip(header, row, strict=True)}


def _cell(name: str, cell: str) -> Cell:
    if not cell:
        return None
    return unmarked(cell) if name in FREE else cell


def write(file: Path, source: Source) -> None:
    """Writes the table with its embeddings, in batches."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow([*source.columns, EMBEDDING])
        for group, embeddings in source.batches():
            for sighting, embedding in zip(group, embeddings, strict=True):
                values = json.dumps(embedding.astype(np.float64).tolist())
                lines.writerow([*_row(cells_of(sighting)), values])


def write_labels(file: Path, source: Source) -> None:
    """Writes the table of a FAISS index: without embeddings, and with the index's number for each row."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow(["number", *source.columns])
        for number, sighting in enumerate(source.sightings):
            lines.writerow([number, *_row(cells_of(sighting))])


def _row(cells: dict[str, Any]) -> list[Any]:
    return ["" if cell is None else marked(str(cell)) if name in FREE else cell for name, cell in cells.items()]
