"""What a protocol asks on a data set: the queries, every gallery row that a trial may show, and each trial's draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import CameraNetwork
from rgbir.index.datasets.draws import Pick
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.errors import EvaluationError


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One trial.

    Attributes:
        queries: int64 (q,), numbers of rows of the task's queries.
        gallery: int64 (n,), numbers of rows of the task's gallery; their order decides ties.
    """

    queries: NDArray[np.int64]
    gallery: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Embed `queries` and `gallery`, in this order, and every trial can be measured.

    Attributes:
        network: the cameras and their places.
        setting: what was chosen beside the protocol, for the report.
        queries: the images that are asked with.
        gallery: the images that a trial may show.
        draws: the trials.

    Raises:
        EvaluationError: no queries, or no gallery.
    """

    network: CameraNetwork
    setting: dict[str, str]
    queries: Sequence[ImageRecord]
    gallery: Sequence[ImageRecord]
    draws: Sequence[Draw]

    def __post_init__(self) -> None:
        if not self.queries or not self.gallery:
            raise EvaluationError(
                f"{len(self.queries)} queries and {len(self.gallery)} gallery images; both are needed"
            )

    @property
    def images(self) -> list[ImageRecord]:
        """The queries', then the gallery's, each once."""
        return list({record.name: record for record in (*self.queries, *self.gallery)}.values())

    @classmethod
    def of_everything(
        cls,
        network: CameraNetwork,
        setting: dict[str, str],
        queries: Sequence[ImageRecord],
        gallery: Sequence[ImageRecord],
    ) -> Task:
        """Every query against the whole gallery; one trial."""
        return cls(network, setting, queries, gallery, [Draw(np.arange(len(queries)), np.arange(len(gallery)))])

    def trimmed(self) -> Task:
        """Without the gallery images that no trial shows; they need no embedding."""
        used = np.unique(np.concatenate([draw.gallery for draw in self.draws]))
        draws = [Draw(draw.queries, np.searchsorted(used, draw.gallery)) for draw in self.draws]
        return replace(self, gallery=[self.gallery[int(row)] for row in used], draws=draws)


def rows_drawn(records: Sequence[ImageRecord], trials: Iterable[Sequence[Pick]]) -> list[NDArray[np.int64]]:
    """For each trial's picks the rows of these images, int64 (n,), in the picks' order."""
    rows = {Pick(int(image.camera), image.identity or 0, image.number or 0): row for row, image in enumerate(records)}
    return [np.array([rows[pick] for pick in picks], np.int64) for picks in trials]
