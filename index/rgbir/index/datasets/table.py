"""A table of images: a CSV file with columns path and camera, and optionally time, identity, track, box."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath

from rgbir.index.datasets.records import ImageRecord, Skipped
from rgbir.index.datasets.text import opened
from rgbir.index.errors import BadDataset, UsageError
from rgbir.index.images import parse_box
from rgbir.index.times import check_moment
from rgbir.index.words import listed

REQUIRED = ("path", "camera")
OPTIONAL = ("time", "identity", "track", "box")


def read_table(file: Path, camera: str | None = None) -> Iterator[ImageRecord | Skipped]:
    """The rows of the table in order. Paths are relative to the table's folder, with `/`.

    time: ISO 8601 with a zone or offset (`2026-03-01T22:15:00+01:00`, `…Z`). identity: a whole number, 0 or more.
    box: `"left,top,right,bottom"` in pixels, in quotes. Empty cells mean unknown. A row that breaks this is skipped with its line.

    Raises:
        BadDataset: no such file, not UTF-8, a column is missing or unknown.
    """
    if not file.is_file():
        raise BadDataset(f"{file} is not a file; layout csv expects a table with columns {listed(REQUIRED + OPTIONAL)}")
    with opened(file, newline="") as lines:
        yield from read_rows(lines, file, camera)


def read_rows(
    lines: Iterable[str], file: Path, camera: str | None = None, by_folder: bool = False
) -> Iterator[ImageRecord | Skipped]:
    """The rows of an open table; see `read_table`.

    Args:
        file: where it lies, and how errors call it.
        camera: of every row.
        by_folder: a row without a camera is of that one which the first folder of its path names.

    Raises:
        BadDataset: no table, or a column is missing or unknown.
    """
    try:
        rows = csv.DictReader(lines, strict=True)
        _check_header(rows.fieldnames, file, camera is not None or by_folder)
        for row in rows:
            try:
                yield _record(row, file.parent, camera, by_folder)
            except UsageError as error:
                yield Skipped(f"{file.name} line {rows.line_num}", str(error))
    except csv.Error as error:
        raise BadDataset(f"{file}: not a CSV table: {error}") from error


def _check_header(header: object, file: Path, camera_known: bool) -> None:
    columns = list(header) if isinstance(header, (list, tuple)) else []
    missing = [name for name in REQUIRED if name not in columns and not (name == "camera" and camera_known)]
    unknown = [str(name) for name in columns if name not in REQUIRED + OPTIONAL]
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise BadDataset(f"{file}: the header has {listed(twice)} twice; leave one of them out")
    if missing and len(columns) == 1 and ";" in columns[0]:
        raise BadDataset(f"{file}: the columns are separated by semicolons; save the table with commas")
    if missing or unknown:
        problem = f"misses {listed(missing)}" if missing else f"has unknown columns {listed(unknown)}"
        raise BadDataset(f"{file}: the header {problem}; expected path, camera and optionally {listed(OPTIONAL)}")


def _record(row: dict[str, str | None], folder: Path, camera: str | None, by_folder: bool) -> ImageRecord:
    cells = {name: (value or "").strip() for name, value in row.items() if isinstance(name, str)}
    if None in row:
        raise UsageError("has more cells than the header has columns")
    if not cells["path"]:
        raise UsageError("has no path")
    seen_by = camera or cells.get("camera")
    if (
        not seen_by
        and by_folder
        and len(parts := PurePosixPath(cells["path"].replace("\\", "/").lstrip("/")).parts) > 1
    ):
        seen_by = parts[0]
    if not seen_by:
        raise UsageError("has no camera")
    return ImageRecord(
        path=folder / cells["path"],
        source=cells["path"],
        camera=seen_by,
        identity=_identity(cells.get("identity", "")),
        taken_at=parse_time(cells["time"]) if cells.get("time") else None,
        track=cells.get("track") or None,
        box=parse_box(cells.get("box", "")),
    )


def _identity(cell: str) -> int | None:
    if not cell:
        return None
    if not (cell.isascii() and cell.isdecimal() and len(cell) < 20 and int(cell) < 2**63):
        raise UsageError(f"identity must be a whole number, 0 or more and below 2^63, not {cell[:40]!r}")
    return int(cell)


def parse_time(text: str) -> datetime:
    """A moment with its zone.

    Raises:
        UsageError: not ISO 8601, without a zone, or out of the calendar.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"time must be ISO 8601 such as 2026-03-01T22:15:00+01:00, not {text!r}") from None
    check_moment(time, "time")
    return time
