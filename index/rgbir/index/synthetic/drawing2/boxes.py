"""Boxes as detectors give them: moved, too large or small, and sometimes cut at feet or head."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rgbir.index.synthetic.drawing2.passes import during, slow_walk
from rgbir.index.synthetic.drawing2.pixels import Array, count
from rgbir.index.synthetic.drawing2.streams import Key
from rgbir.index.synthetic.drawing2.tables import exponential
from rgbir.index.synthetic.drawing2.world import World

HALF = np.float32(0.5)
"""The coverage from which on a pixel is the person's."""


class Box(NamedTuple):
    """Edges in pixels of the canvas; they may lie outside it.

    Attributes:
        left, top, right, bottom: the edges.
    """

    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def width(self) -> float:
        return self.right - self.left


def around(coverage: Array, aspect: float) -> Box:
    """The box without errors: as high as what is covered, around its middle, and `aspect` times as high as wide."""
    covered = coverage > HALF
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    top, bottom = float(rows[0]), float(rows[-1] + 1)
    middle, half = (float(columns[0]) + float(columns[-1] + 1)) / 2, (bottom - top) / aspect / 2
    return Box(middle - half, top, middle + half, bottom)


def aspect_of(walk: Key) -> float:
    """Height over width of the boxes of a pass."""
    return walk.stream("aspect").between(2.3, 2.8)


def detected(world: World, walk: Key, frame: int, true: Box) -> Box:
    """The box with its errors, which change slowly from frame to frame of a pass."""
    if not world.has("crops"):
        return true
    right = slow_walk(walk.stream("box x"), frame) * 0.02 * true.width
    down = slow_walk(walk.stream("box y"), frame) * 0.009 * true.height
    scale = exponential(0.01 + 0.0225 * slow_walk(walk.stream("box scale"), frame))
    middle_x, middle_y = (true.left + true.right) / 2 + right, (true.top + true.bottom) / 2 + down
    half_x, half_y = true.width * scale / 2, true.height * scale / 2
    top, bottom = middle_y - half_y, middle_y + half_y
    feet, head = during(walk, "feet", 0.08, frame), during(walk, "head", 0.02, frame)
    if feet is not None:
        bottom = bottom - walk.stream(f"feet:{feet}:cut").between(0.02, 0.06) * true.height
    if head is not None:
        top = top + walk.stream(f"head:{head}:cut").between(0.01, 0.03) * true.height
    return Box(middle_x - half_x, top, middle_x + half_x, bottom)


def visible_share(coverage: Array, hidden: Array, box: Box) -> float:
    """The share of the covered pixels that the box holds and nothing hides."""
    covered = coverage > HALF
    rows = slice(max(int(box.top), 0), max(int(box.bottom), 0))
    columns = slice(max(int(box.left), 0), max(int(box.right), 0))
    seen = covered[rows, columns] & (hidden[rows, columns] < HALF)
    return count(seen) / max(count(covered), 1)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    wide = min(a.right, b.right) - max(a.left, b.left)
    high = min(a.bottom, b.bottom) - max(a.top, b.top)
    both = max(wide, 0.0) * max(high, 0.0)
    return both / (a.width * a.height + b.width * b.height - both)
