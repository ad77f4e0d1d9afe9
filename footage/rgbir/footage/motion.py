"""`Motion`, the detector without a model: it finds what moves and has the shape of a person.

It says so of all it finds (`found_by` is `motion`). It lets a demonstration run without a download, it tells whether a frame is worth a
model's time, and it is the baseline that every detector has to beat.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rgbir.index import Detections, Modality, Thresholds

QUARTER = 4
"""Pixels of the frame, each way, that one pixel of the picture it looks at stands for."""
MEMORY, APART = 15, 10
"""Pictures that the background is the median of, and how many frames one comes after the other."""
SOONER = frozenset((2, 4, 6, 9, 13, 16))
"""Frames from the first on that are among these pictures besides, so that who walks in the first frame isn't in the background for long."""
LEAST_PICTURES = 3
"""Pictures before which nothing is found: of two nobody could say which shows the background."""
NOISE = {Modality.RGB: 14.0, Modality.IR: 12.0}
"""Levels by which a pixel must differ from the background."""
SHADOW, SHADE_APART = 0.6, 0.07
"""A pixel is in shadow if all its colours are darker than the background by one factor, down to the first number; the second is by how much
the factors may differ."""
TURNED = 0.6
"""Share of the picture that moves when the camera is turned, or the light goes on."""
LEAST_HEIGHT, LEAST_WIDTH = 36, 10
"""Pixels of the frame below which what moves is no person that could be recognised."""
SLIMMEST, WIDEST = 1.1, 6.0
"""Height over width of a person who stands or walks."""
USUAL = 2.6
"""Height over width of most."""
BESIDE = 2.2
"""Height over width below which it may be two people beside each other."""
VALLEY = 0.8
"""How low the columns between two people are, as a share of the lower of the two."""
FILLED = 0.30
"""Share of its box that a person fills at least."""
_REACH = 3

Mask = NDArray[np.bool_]


def quartered(image: NDArray[np.uint8], modality: Modality) -> NDArray[np.uint8]:
    """uint8 (h // 4, w // 4, 3), or (…, 1) of an infrared picture: means of four pixels of each block of 4 x 4."""
    height, width = image.shape[0] // QUARTER * QUARTER, image.shape[1] // QUARTER * QUARTER
    channels = slice(1, 2) if modality is Modality.IR else slice(None)
    rows = image[:height:4, :width, channels].astype(np.uint16) + image[2:height:4, :width, channels]
    return np.asarray((rows[:, ::4] + rows[:, 2::4]) >> 2, np.uint8)


@dataclass(slots=True)
class Motion:
    """Finds what moves. Give it a camera's frames in their order.

    The background is the median of pictures that are two seconds apart, over half a minute: who walks through is in none of it, and who
    stands is part of it after a quarter of a minute. A change of the light as a whole is no motion, and nor are shadows.

    Attributes:
        moving: whether anything moved in the last frame, whatever its shape.
    """

    moving: bool = False
    _history: list[NDArray[np.uint8]] = field(default_factory=list)
    _background: NDArray[np.float32] | None = None
    _level: float = 1.0
    _frames: int = 0
    _shown: Modality | None = None

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
        seen = quartered(image, modality)
        if self._background is None or self._background.shape != seen.shape or self._shown is not modality:
            self.restore([], modality)
        moved = self._moved(seen, modality)
        self.moving = bool(moved.any())
        if not self.moving:
            return Detections.none()
        if len(self._history) < LEAST_PICTURES:
            return Detections.none()
        if moved.mean() > TURNED:
            self.restore([], modality)
            self._learn(seen)
            return Detections.none()
        return _detections(moved, image.shape[0], image.shape[1])

    def _moved(self, seen: NDArray[np.uint8], modality: Modality) -> Mask:
        self._learn(seen)
        assert self._background is not None
        expected = self._background * np.float32(_typical(seen) / self._level)
        apart = np.abs(seen - expected)
        moved = reduce(np.maximum, np.moveaxis(apart, 2, 0)) > NOISE[modality]
        if modality is Modality.RGB and moved.any():
            shades = seen[moved] / np.maximum(expected[moved], 8)
            least, most = shades.min(axis=1), shades.max(axis=1)
            moved[moved] = ~((least > SHADOW) & (most < 1) & (most - least < SHADE_APART))
        return _opened(moved)

    def _learn(self, seen: NDArray[np.uint8]) -> None:
        if self._frames % APART == 0 or self._frames in SOONER:
            self._history = [*self._history[-(MEMORY - 1) :], seen]
            self._look_back()
        self._frames += 1

    def _look_back(self) -> None:
        middle = (
            len(self._history) - 1
        ) // 2  # of the first of them, so many that one is in the middle: of two nobody could say
        background = np.partition(np.stack(self._history[: 2 * middle + 1]), middle, axis=0)[middle]
        self._background, self._level = background.astype(np.float32), _typical(background)

    @property
    def state(self) -> tuple[list[NDArray[np.uint8]], int]:
        """What it has learnt: pictures, each uint8 (h // 4, w // 4, 3) or (…, 1), and how many frames it has seen since the first."""
        return self._history, self._frames

    def restore(self, history: list[NDArray[np.uint8]], shown: Modality | None, frames: int = 0) -> None:
        """Goes on with what was learnt before, of frames of that modality; without any, from the beginning.

        Args:
            history: pictures in order, each uint8 (rows, columns, channels).
            frames: how many frames were seen since the first.
        """
        self._history, self._shown, self._frames, self.moving = history, shown, frames, False
        if history:
            self._look_back()
        else:
            self._background = None


def _typical(picture: NDArray[np.uint8]) -> float:
    """The median level of a picture, which a change of light moves and a few people don't."""
    levels = np.bincount(picture[::4, ::4].ravel(), minlength=256).cumsum()
    return float(max(np.searchsorted(levels, levels[-1] / 2), 1))


def _opened(mask: Mask) -> Mask:
    """Without pixels that are in no square of 2 x 2."""
    squares = mask[:-1, :-1] & mask[1:, :-1] & mask[:-1, 1:] & mask[1:, 1:]
    opened = np.zeros_like(mask)
    for rows in (slice(None, -1), slice(1, None)):
        for columns in (slice(None, -1), slice(1, None)):
            opened[rows, columns] |= squares
    return opened


def _closed(mask: Mask) -> Mask:
    """With gaps of up to six pixels within a column filled."""
    padded = np.pad(mask, ((_REACH, _REACH), (0, 0)))
    return ~_spread(~_spread(padded))[_REACH:-_REACH]


def _spread(mask: Mask) -> Mask:
    """A pixel is set if one is within three rows of it."""
    spread = mask.copy()
    for rows in range(1, _REACH + 1):
        spread[rows:] |= mask[:-rows]
        spread[:-rows] |= mask[rows:]
    return spread


def _detections(moved: Mask, height: int, width: int) -> Detections:
    parts, _ = ndimage.label(_closed(moved))
    boxes, scores = [], []
    for number, (rows, columns) in enumerate(ndimage.find_objects(parts), 1):
        part = parts[rows, columns] == number
        for top, left, shape in _people(part, rows.start, columns.start):
            box = np.array([left, top, left + shape.shape[1], top + shape.shape[0]]) * QUARTER
            boxes.append(np.minimum(box, [width, height, width, height]))
            scores.append(_score(shape))
    if not boxes:
        return Detections.none()
    order = np.argsort(-np.array(scores), kind="stable")
    return Detections(np.array(boxes, np.float32)[order], np.array(scores, np.float32)[order])


def _people(part: Mask, top: int, left: int) -> Iterator[tuple[int, int, Mask]]:
    """The people in a connected part whose upper left corner is there: rows and columns where each begins, and the shape."""
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if not len(rows):
        return
    part = part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    top, left = top + int(rows[0]), left + int(columns[0])
    tall, wide = part.shape[0] * QUARTER, part.shape[1] * QUARTER
    if tall < LEAST_HEIGHT or wide < LEAST_WIDTH:
        return
    if tall / wide < BESIDE and (valley := _valley(part)):
        yield from _people(part[:, :valley], top, left)
        yield from _people(part[:, valley:], top, left + valley)
    elif SLIMMEST <= tall / wide <= WIDEST and part.mean() >= FILLED:
        yield top, left, part


def _valley(part: Mask) -> int | None:
    """The column between two people beside each other; None where there is only one."""
    columns = part.sum(axis=0).astype(np.float64)
    before = np.maximum.accumulate(columns)[:-1]
    behind = np.maximum.accumulate(columns[::-1])[::-1][1:]
    lower = np.minimum(np.concatenate([[0], before]), np.concatenate([behind, [0]]))
    depth = np.divide(columns, lower, out=np.full(len(columns), np.inf), where=lower > columns.max() / 2)
    reach = max(2, int(np.ceil(part.shape[0] / WIDEST)))
    depth[:reach] = depth[len(depth) - reach :] = np.inf
    lowest = int(depth.argmin())
    return lowest if depth[lowest] < VALLEY else None


def _score(shape: Mask) -> float:
    """How much like a person a shape is, 0..1: how much of its box it fills, and how slim it is."""
    slim = shape.shape[0] / shape.shape[1]
    return float(min(shape.mean() / 0.6, 1.0) * (1 - 0.4 * min(abs(np.log(slim / USUAL)), 1.0)))
