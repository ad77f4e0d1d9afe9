"""Feature files as the authors of SYSU-MM01 exchange them: `<name>_cam<camera>.mat`, one cell an identity.

Variable `feature` is a cell whose entry at an identity's number holds n x d values, row k of the person's k-th image by that
camera; it is empty where the camera doesn't see the person (evaluation.md 9.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.sysu_mm01 import CAMERAS
from rgbir.index.errors import EvaluationError, UsageError
from rgbir.index.evaluation.features import Features
from rgbir.index.files import beside
from rgbir.index.words import why


def files_of(prefix: Path) -> dict[int, Path]:
    """The files there are of that name, by camera."""
    named = {camera: prefix.with_name(f"{prefix.name}_cam{camera}.mat") for camera in CAMERAS}
    return {camera: file for camera, file in named.items() if file.is_file()}


def read_authors(prefix: Path, records: Sequence[ImageRecord]) -> Features:
    """The features of these images, in their order.

    Raises:
        UsageError: no such files.
        EvaluationError: an image's row is missing, or lengths differ.
    """
    files = files_of(prefix)
    if not files:
        raise UsageError(f"no {prefix.name}_cam1.mat … in {prefix.parent}; expected the files of SYSU-MM01's authors")
    cells = {camera: _cell(file) for camera, file in files.items()}
    rows = []
    for record in records:
        cell = cells.get(int(record.camera), np.empty(0, object))
        identity, number = record.identity or 0, record.number or 0
        entry = cell[identity - 1] if 1 <= identity <= len(cell) else np.empty((0, 0))
        if number > len(entry):
            raise EvaluationError(
                f"{prefix.name}_cam{record.camera}.mat has {len(entry)} rows of identity {identity}; {record.source} is"
                f" image {number}"
            )
        rows.append(np.asarray(entry[number - 1], np.float32))
    if len({row.shape for row in rows}) > 1:
        raise EvaluationError(f"{prefix.name}: features of several lengths: {sorted({row.shape for row in rows})}")
    return Features.of_images(np.stack(rows), records)


def write_authors(prefix: Path, features: Features, records: Sequence[ImageRecord]) -> None:
    """Writes a file a camera; an image that has no feature leaves a row of zeros before the last that has one."""
    from scipy.io import savemat

    taken = features.of_records(records)
    for camera in sorted({int(record.camera) for record in records}):
        rows = [(r, taken.embeddings[n]) for n, r in enumerate(records) if int(r.camera) == camera]
        cell = np.empty((max(r.identity or 0 for r, _ in rows), 1), object)
        cell[:, 0] = [np.empty((0, taken.embeddings.shape[1]))] * len(cell)
        for identity in {r.identity or 0 for r, _ in rows}:
            mine = {r.number or 0: row for r, row in rows if r.identity == identity}
            table = np.zeros((max(mine), taken.embeddings.shape[1]), np.float32)
            for number, row in mine.items():
                table[number - 1] = row
            cell[identity - 1, 0] = table
        with beside(prefix.with_name(f"{prefix.name}_cam{camera}.mat")) as new:
            savemat(new, {"feature": cell}, do_compression=True)


def _cell(file: Path) -> NDArray[Any]:
    from scipy.io import loadmat

    try:
        cell: NDArray[Any] = np.ravel(loadmat(file)["feature"])
    except KeyError:
        raise UsageError(f"{file}: no variable 'feature'; expected a file of SYSU-MM01's authors") from None
    except Exception as error:  # scipy raises many kinds on a damaged file
        raise UsageError(f"{file}: not a MATLAB level 5 file: {why(error)}") from error
    return cell
