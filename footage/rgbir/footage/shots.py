"""Which crops of a track are kept: few, good, and apart in time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rgbir.footage.frames import Pixels

APART_S = 0.5
"""Seconds between any two shots of a track."""
TALL = 200
"""Pixels of height from which on a larger crop is no better."""
AT_BORDER = 0.3
"""What a crop is worth of which the picture's border may cut something off."""
BORDER = 2
MARGIN = 0.03
"""Share of its height by which a crop is wider than its box, each way."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A crop of a track.

    Attributes:
        number, seconds: of its frame.
        box: left, top, right, bottom in the frame's pixels, of the crop.
        size: the frame's width and height.
        score: the detection's, 0..1.
        quality: by which shots are chosen, 0..1.
        sharpness: by which ties are decided, variance of the luma's Laplacian.
        pixels: uint8 (height, width, 3), RGB.
    """

    number: int
    seconds: float
    box: tuple[int, int, int, int]
    size: tuple[int, int]
    score: float
    quality: float
    sharpness: float
    pixels: Pixels

    @property
    def worth(self) -> tuple[float, float]:
        return self.quality, self.sharpness


def shot_of(image: Pixels, number: int, seconds: float, box: NDArray[np.float32], score: float, hidden: float) -> Shot:
    """The crop of a box with its margin, and what it is worth: score × min(1, height / 200) × (1 − hidden), × 0.3 at the border.

    Args:
        image: uint8 (height, width, 3), RGB, of the whole frame.
        box: float32 (4,), as detected.
        hidden: share of it that others' boxes cover, 0..1.
    """
    height, width = image.shape[:2]
    left, top, right, bottom = (float(side) for side in box)
    margin = MARGIN * (bottom - top)
    crop = (
        max(int(np.floor(left - margin)), 0), max(int(np.floor(top - margin)), 0),
        min(int(np.ceil(right + margin)), width), min(int(np.ceil(bottom + margin)), height),
    )  # fmt: skip
    quality = score * min(1.0, (bottom - top) / TALL) * (1 - hidden)
    if left < BORDER or top < BORDER or right > width - BORDER or bottom > height - BORDER:
        quality *= AT_BORDER
    pixels = image[crop[1] : crop[3], crop[0] : crop[2]].copy()
    return Shot(number, seconds, crop, (width, height), score, quality, sharpness(pixels), pixels)


def sharpness(pixels: Pixels) -> float:
    """Variance of the luma's Laplacian; 0 of a crop of fewer than 3 pixels a side."""
    if min(pixels.shape[:2]) < 3:
        return 0.0
    grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * grey[1:-1, 1:-1]).var())


@dataclass(slots=True)
class Shots:
    """The best shots of a track that has not ended yet; at most `most` of them are in memory.

    A new shot takes the place of those within half a second of it if it is better than all of them; else the place of the worst,
    where there are as many as are kept. The same frames give the same shots.

    Attributes:
        most: how many are kept.
        kept: those that are, in order of time.
    """

    most: int
    kept: list[Shot] = field(default_factory=list)

    def offer(self, shot: Shot) -> None:
        near = [other for other in self.kept if abs(other.seconds - shot.seconds) < APART_S]
        if any(other.worth >= shot.worth for other in near):
            return
        rest = [other for other in self.kept if other not in near]
        if len(rest) >= self.most:
            worst = min(rest, key=lambda other: other.worth)
            if worst.worth >= shot.worth:
                return
            rest.remove(worst)
        self.kept = sorted([*rest, shot], key=lambda other: other.seconds)

    def wanted(self, quality: float) -> bool:
        """Whether a shot of that quality may be kept; if not, it need not be cut out."""
        return len(self.kept) < self.most or quality >= min(other.quality for other in self.kept)
