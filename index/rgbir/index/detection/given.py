"""Detections that somebody else made, in a table."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from rgbir.index.detection.detections import Detections
from rgbir.index.errors import UsageError
from rgbir.index.words import listed, why

COLUMNS = ("frame", "left", "top", "right", "bottom", "score")


def read_detections(file: Path) -> dict[str, Detections]:
    """A CSV file with a row for each box, as detections by the frame's name, the surest first.

    Raises:
        UsageError: no such file, a column is missing or unknown, a cell isn't a number, a box without width or height, or a
            score outside 0..1.
    """
    by_frame: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            table = csv.DictReader(lines, strict=True)
            if sorted(table.fieldnames or ()) != sorted(COLUMNS):
                raise UsageError(f"{file}: the header is {listed(table.fieldnames or ())}; expected {listed(COLUMNS)}")
            for row in table:
                by_frame[row["frame"]].append(_numbers(row, f"{file} line {table.line_num}"))
    except (OSError, UnicodeError, csv.Error) as error:
        raise UsageError(f"{file} can't be read as a table of detections: {why(error)}") from error
    return {frame: _surest_first(rows) for frame, rows in by_frame.items()}


def _numbers(row: dict[str, str], where: str) -> tuple[float, ...]:
    try:
        left, top, right, bottom, score = numbers = tuple(float(row[name]) for name in COLUMNS[1:])
    except (ValueError, TypeError):
        raise UsageError(f"{where}: {listed(COLUMNS[1:])} are numbers") from None
    if not (np.isfinite(numbers).all() and 0 <= left < right and 0 <= top < bottom):
        raise UsageError(
            f"{where}: expected 0 ≤ left < right and 0 ≤ top < bottom, not {left:g}, {top:g}, {right:g}, {bottom:g}"
        )
    if not 0 <= score <= 1:
        raise UsageError(f"{where}: a score is in 0..1, not {score:g}")
    return numbers


def _surest_first(rows: list[tuple[float, ...]]) -> Detections:
    numbers = np.array(rows, np.float32)
    order = np.argsort(-numbers[:, 4], kind="stable")
    return Detections(numbers[order, :4], numbers[order, 4])
