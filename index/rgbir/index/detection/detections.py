"""What a detector finds in a picture, and what every detector is to those who ask it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rgbir.index.camera import Modality
from rgbir.index.errors import UsageError


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The people in one picture, the surest first.

    Attributes:
        boxes: float32 (n, 4): left, top, right, bottom in the picture's pixels, within the picture.
        scores: float32 (n,), in 0..1, falling.

    Raises:
        UsageError: shapes that don't belong together.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.boxes.shape != (len(self.scores), 4) or self.scores.ndim != 1:
            raise UsageError(f"expected n boxes (n, 4) and n scores, not {self.boxes.shape} and {self.scores.shape}")

    def __len__(self) -> int:
        return len(self.scores)

    def above(self, least: float) -> Detections:
        """Those of that score at least."""
        sure = self.scores >= np.float32(least)
        return Detections(self.boxes[sure], self.scores[sure])

    @classmethod
    def none(cls) -> Detections:
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32))


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How sure a detector must be, in its own scores.

    Attributes:
        start: to begin a track, or to be a person in a single picture.
        sure: to be assigned to a track first.
        doubtful: to be assigned to a track that nothing sure was found for; below it nothing is looked at.

    Raises:
        UsageError: not 0 < doubtful ≤ sure ≤ start ≤ 1.
    """

    start: float = 0.55
    sure: float = 0.50
    doubtful: float = 0.15

    def __post_init__(self) -> None:
        if not 0 < self.doubtful <= self.sure <= self.start <= 1:
            raise UsageError(
                f"thresholds need 0 < doubtful ≤ sure ≤ start ≤ 1, not {self.doubtful}, {self.sure}, {self.start}"
            )


class Detector(Protocol):
    """Finds people in pictures: a detector bundle, or what finds them without a model."""

    @property
    def found_by(self) -> str:
        """What every sighting says of who found it: a bundle's fingerprint, or `motion`."""
        ...

    def thresholds(self, modality: Modality) -> Thresholds:
        """How sure it must be in pictures of that modality."""
        ...

    def find(self, image: NDArray[np.uint8], modality: Modality) -> Detections:
        """The people in a picture, overlapping boxes of one person suppressed, from `doubtful` on.

        Args:
            image: uint8 (height, width, 3), RGB. A detector that looks at what moves gets a recording's frames in their order.
        """
        ...
