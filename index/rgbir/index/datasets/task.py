"""What a protocol asks on a data set: the queries, every gallery row that a trial may show, and each trial's draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import CameraNetwork
from rgbir.index.datasets.draws import Pick
from rgbir.index.datasets.protocol import Pool, Way
from rgbir.index.datasets.records import ImageRecord, Tracklet, frames_of
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
        queries: the images, or the tracklets, that are asked with.
        gallery: the images, or the tracklets, that a trial may show.
        draws: the trials.
        ways: parts of the only trial that are also measured by themselves, by the modalities of queries and gallery.
        pool: how tracklets are compared.

    Raises:
        EvaluationError: no queries, or no gallery.
    """

    network: CameraNetwork
    setting: dict[str, str]
    queries: Sequence[ImageRecord]
    gallery: Sequence[ImageRecord]
    draws: Sequence[Draw]
    ways: Mapping[Way, Draw] = field(default_factory=dict)
    pool: Pool = "mean"

    def __post_init__(self) -> None:
        if not self.queries or not self.gallery:
            raise EvaluationError(
                f"{len(self.queries)} queries and {len(self.gallery)} gallery images; both are needed"
            )

    @property
    def images(self) -> list[ImageRecord]:
        """What is embedded: the queries', then the gallery's, each once; of tracklets their frames."""
        return list({record.name: record for record in frames_of((*self.queries, *self.gallery))}.values())

    @property
    def of_tracklets(self) -> bool:
        """Whether several images ask, or are found, as one."""
        return any(isinstance(record, Tracklet) for record in (*self.queries, *self.gallery))

    @classmethod
    def of_everything(
        cls,
        network: CameraNetwork,
        setting: dict[str, str],
        queries: Sequence[ImageRecord],
        gallery: Sequence[ImageRecord],
        pool: Pool = "mean",
    ) -> Task:
        """Every query against the whole gallery; one trial."""
        everything = Draw(np.arange(len(queries)), np.arange(len(gallery)))
        return cls(network, setting, queries, gallery, [everything], pool=pool)

    def trimmed(self) -> Task:
        """Without the gallery images that no trial shows; they need no embedding."""
        used = np.unique(np.concatenate([draw.gallery for draw in self.draws]))
        draws = [Draw(draw.queries, np.searchsorted(used, draw.gallery)) for draw in self.draws]
        return replace(self, gallery=[self.gallery[int(row)] for row in used], draws=draws)


def rows_drawn(records: Sequence[ImageRecord], trials: Iterable[Sequence[Pick]]) -> list[NDArray[np.int64]]:
    """For each trial's picks the rows of these images, int64 (n,), in the picks' order."""
    rows = {Pick(int(image.camera), image.identity or 0, image.number or 0): row for row, image in enumerate(records)}
    return [np.array([rows[pick] for pick in picks], np.int64) for picks in trials]
