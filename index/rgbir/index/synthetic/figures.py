"""One person as a camera of synthetic footage shows them: a small picture with its coverage, to be laid over the place."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index.cameras import Modality
from rgbir.index.synthetic.drawing1.body import draw
from rgbir.index.synthetic.drawing1.cameras import Array, Optics, folds
from rgbir.index.synthetic.drawing1.drawing import Drawing, View
from rgbir.index.synthetic.drawing1.people import Person
from rgbir.index.synthetic.drawing1.skeleton import Pose
from rgbir.index.synthetic.places import Lens
from rgbir.index.synthetic.walks import Moment

FINEST = 105.0
"""Pixels a metre that a person is drawn with; who is nearer is enlarged, which is as soft as a camera's picture."""
HALF = 128
"""The coverage from which on a pixel is the person's, of 255."""
STANDING = 0.12
"""How much of the stride is left of who stands."""


class Figure(NamedTuple):
    """A person, and where they are in the picture.

    Attributes:
        identity: who.
        depth_m: from the camera; who is nearer hides who is farther.
        left, top: of the small picture, in pixels of the whole one; they may lie outside it.
        pixels: uint8 (height, width, 4): colour as the camera delivers it, and coverage.
        feet: column and row where the person stands.
        scale: pixels a metre.
    """

    identity: int
    depth_m: float
    left: int
    top: int
    pixels: NDArray[np.uint8]
    feet: tuple[float, float]
    scale: float

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(height, width): the person's pixels, which are covered by half or more."""
        return self.pixels[..., 3] >= HALF


def figure(identity: int, person: Person, moment: Moment, lens: Lens, optics: Optics, light: float) -> Figure:
    """The person at that moment.

    Args:
        person: as fabrics reflect under the camera's lamp.
        light: factor of the day's light, or of the lamp's.
    """
    scale = lens.scale(moment.depth_m)
    x, y = lens.column(moment.x_m, moment.depth_m), lens.row(moment.depth_m)
    left, top = int(np.floor(x - 0.85 * scale)), int(np.floor(y - 1.12 * person.height_m * scale))
    size = int(np.ceil(1.7 * scale)) + 2, int(np.ceil(y + 0.16 * scale)) - top + 1
    finer = min(1.0, FINEST / scale)
    small = max(round(size[0] * finer), 8), max(round(size[1] * finer), 16)
    feet = (x - left) * small[0] / size[0], (y - top) * small[1] / size[1]
    walker = replace(person, stride=person.stride * max(moment.gait, STANDING))
    pose = Pose(moment.yaw, moment.phase, 0.2 + 0.1 * (identity % 5), 0.0)
    drawing = draw(walker, pose, View(scale * small[1] / size[1], *feet, optics.perspective * 0.6, *small[::-1]))
    creases = folds(drawing.facing.shape, np.random.default_rng([identity, 23]))
    display = (_seen if optics.modality is Modality.RGB else _lit)(drawing, creases, optics, light)
    four = np.dstack([display, drawing.coverage])
    image = Image.fromarray((np.clip(four, 0, 1) * 255 + 0.5).astype(np.uint8))
    if small != size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    return Figure(identity, moment.depth_m, left, top, np.asarray(image), (x, y), scale)


def _seen(drawing: Drawing, creases: Array, optics: Optics, light: float) -> Array:
    """In colour, (height, width, 3), by the rule of `cameras`."""
    shade = 0.72 + 0.28 * np.sqrt(np.maximum(1 - drawing.facing**2, 0)) + 0.20 * optics.light * drawing.facing
    shade = shade * (1 + 0.05 * creases)
    linear = drawing.visible * shade[..., None] * (np.asarray(optics.tint, np.float32) * optics.exposure * light)
    return np.asarray(0.5 + (np.maximum(linear, 0) ** (1 / 2.1) - 0.5) * optics.contrast, np.float32)


def _lit(drawing: Drawing, creases: Array, optics: Optics, light: float) -> Array:
    """Under the infrared lamp, in three equal channels, by the rule of `cameras`."""
    frontal = np.maximum(1 - drawing.facing**2, 0) ** 0.45
    linear = drawing.infrared * (0.45 + 0.55 * frontal) * (1 + 0.06 * creases) * optics.exposure * light
    display = 0.07 + 0.86 * np.clip(linear, 0, 1) ** 0.75
    return np.asarray(np.repeat(display[..., None], 3, axis=2), np.float32)
