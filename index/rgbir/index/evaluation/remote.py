"""Measuring a running server: it encodes the queries and compares them with its own gallery.

The index knows no HTTP; whatever knows it is found by the entry point `rgbir.remote`, the client as a rule.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Modality
from rgbir.index.datasets.protocol import Hiding
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.task import Task
from rgbir.index.errors import EvaluationError, UsageError
from rgbir.index.evaluation.ranking import Rank
from rgbir.index.evaluation.run import PLACES
from rgbir.index.evaluation.sources import ids_of
from rgbir.index.nearest.comparison import Ranked
from rgbir.index.progress import Progress, silent


class Remote(Protocol):
    """What is asked of a server; `rgbir.client.Client` is one."""

    def distances(
        self,
        images: Any,
        *,
        camera: str | None = None,
        modality: Literal["rgb", "ir"] | None = None,
        cameras: Sequence[str] | None = None,
    ) -> Any: ...

    def gallery(self) -> Any: ...

    def model(self) -> dict[str, Any]: ...

    def close(self) -> None: ...


def connect(url: str) -> Remote:
    """A client of that server.

    Raises:
        UsageError: no client is installed.
    """
    points = list(entry_points(group="rgbir.remote"))
    if not points:
        raise UsageError("--url needs the client: pip install rgbir")
    remote: Remote = points[0].load()(url)
    return remote


def remote_ranking(task: Task, remote: Remote, hiding: Hiding, progress: Progress = silent) -> Rank:
    """Asks the server for every query. Where the place rule hides, the server itself leaves the query's place out.

    Raises (when asked):
        EvaluationError: an image isn't enrolled there, or the gallery changed in the middle.
    """
    rows_of = {name: row for row, name in enumerate(ids_of(task.gallery))}
    cameras = sorted({record.camera for record in task.gallery})
    generation = remote.gallery().generation

    def of(record: ImageRecord) -> NDArray[np.float64]:
        image: Path | bytes = record.path
        if record.box is not None:
            image = _lossless(record)
        modality = record.modality or Modality.RGB
        camera = record.camera if hiding in PLACES else None
        distances = remote.distances(image, camera=camera, modality=modality.value, cameras=cameras)
        if distances.generation != generation:
            raise EvaluationError("the server's gallery changed while it was measured; measure again when it rests")
        places = np.array([rows_of.get(name, -1) for name in distances.sightings], np.int64)
        keys = np.full(len(rows_of), np.nan)
        keys[places[places >= 0]] = np.asarray(distances.keys)[places >= 0]
        left_out = {excluded.camera for excluded in distances.excluded_cameras}
        for row in map(int, np.flatnonzero(np.isnan(keys))):
            if task.network[task.gallery[row].camera].id not in left_out:
                raise EvaluationError(
                    f"the server's gallery lacks {task.gallery[row].source}; enrol the data set there with"
                    " `rgbir index add` before it is served"
                )
            keys[row] = 1e9 + row  # at the query's place: no trial shows it to this query
        progress(1)
        return keys

    return lambda rows: Ranked.of(np.stack([of(task.queries[row]) for row in rows]))


def _lossless(record: ImageRecord) -> bytes:
    """The part of the picture that is meant, as a file of its own that shows the same."""
    buffer = io.BytesIO()
    record.decoded().save(buffer, "PNG")
    return buffer.getvalue()
