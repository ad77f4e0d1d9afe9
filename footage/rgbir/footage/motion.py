"""`Motion`, the detector without a model: it finds what moves and has the shape of a person.

It says so of all it finds (`found_by` is `motion`). It lets a demonstration run without a download, it tells whether a frame is worth a
model's time, and it is the baseline that every detector has to beat.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rgbir.index import Detections, Modality, Thresholds

QUARTER = 4
"""Pixels of the frame, each way, that one pixel of the luma it looks at stands for."""
NOISE = {Modality.RGB: 14, Modality.IR: 12}
"""Levels by which luma must differ from the background."""
LEAST_HEIGHT, LEAST_WIDTH = 36, 10
"""Pixels of the frame below which what moves is no person that could be recognised."""
SLIMMEST, WIDEST = 1.1, 6.0
"""Height over width of a person who stands or walks."""
FILLED = 0.30
"""Share of its box that a person fills at least."""
_OPEN = np.ones((2, 2), bool)
_JOIN = np.ones((7, 3), bool)


def luma(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (h // 4, w // 4): the luma of a picture, uint8 (h, w, 3), each pixel the mean of green's block of 4 x 4, mostly."""
    height, width = image.shape[0] // QUARTER * QUARTER, image.shape[1] // QUARTER * QUARTER
    rows = image[:height:2, :width:2].astype(np.uint16)
    grey = (rows[..., 0] * 77 + rows[..., 1] * 150 + rows[..., 2] * 29) >> 8
    return np.asarray((grey[::2, ::2] + grey[1::2, ::2] + grey[::2, 1::2] + grey[1::2, 1::2]) >> 2, np.uint8)


@dataclass(slots=True)
class Motion:
    """Finds what moves. Give it a camera's frames in their order.

    Attributes:
        background: uint8 (h // 4, w // 4), a running median of the luma, which follows a step a frame; None before the first frame.
        moving: whether anything moved in the last frame, whatever its shape.
    """

    background: NDArray[np.uint8] | None = None
    moving: bool = False
    _shown: Modality | None = field(default=None)

    @property
    def found_by(self) -> str:
        return "motion"

    def thresholds(self, modality: Modality) -> Thresholds:
        return Thresholds(start=0.5, sure=0.4, doubtful=0.2)

    def find(self, image: NDArray[np.uint8], modality: Modality) -> Detections:
        """What moves in a frame and has a person's shape; nothing in the first frame, nor in the first behind a change of light.

        Args:
            image: uint8 (height, width, 3), RGB.
        """
        seen = luma(image)
        if self.background is None or self.background.shape != seen.shape or self._shown is not modality:
            self.background, self._shown, self.moving = seen.copy(), modality, False
            return Detections.none()
        apart = seen.astype(np.int16) - self.background
        self.background += np.sign(apart).astype(np.int8).view(np.uint8)
        moved = np.abs(apart) > NOISE[modality]
        moved = ndimage.binary_opening(moved, _OPEN)
        self.moving = bool(moved.any())
        if not self.moving:
            return Detections.none()
        if moved.mean() > 0.6:  # the light changed, or the camera was turned: all of it is new
            self.background = seen.copy()
            return Detections.none()
        return self._people(moved, image.shape[0], image.shape[1])

    def restore(self, background: NDArray[np.uint8], shown: Modality | None) -> None:
        """Goes on with a background that was learnt before, of frames of that modality."""
        self.background, self._shown = background, shown

    def _people(self, moved: NDArray[np.bool_], height: int, width: int) -> Detections:
        parts, _ = ndimage.label(ndimage.binary_closing(np.pad(moved, 4), _JOIN)[4:-4, 4:-4])
        boxes, scores = [], []
        for number, place in enumerate(ndimage.find_objects(parts), 1):
            rows, columns = place
            tall, wide = (rows.stop - rows.start) * QUARTER, (columns.stop - columns.start) * QUARTER
            if tall < LEAST_HEIGHT or wide < LEAST_WIDTH or not SLIMMEST <= tall / wide <= WIDEST:
                continue
            filled = float((parts[place] == number).mean())
            if filled < FILLED:
                continue
            boxes.append(
                (
                    columns.start * QUARTER, rows.start * QUARTER,
                    min(columns.stop * QUARTER, width), min(rows.stop * QUARTER, height),
                )
            )  # fmt: skip
            shape = 1.0 - min(abs(np.log(tall / wide / 2.6)), 1.0) * 0.4
            scores.append(min(filled / 0.6, 1.0) * shape)
        if not boxes:
            return Detections.none()
        order = np.argsort(-np.array(scores), kind="stable")
        return Detections(np.array(boxes, np.float32)[order], np.array(scores, np.float32)[order])
