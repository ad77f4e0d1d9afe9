"""What can be measured of a picture of a person, without a model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CLIPPED = (5, 250)
"""Luminance at or below the first is lost in the dark, at or above the second in the light."""
TORSO_ROWS, TORSO_COLUMNS = (0.20, 0.55), (0.25, 0.75)
"""Which part of an upright person's crop the torso is taken to be, from the top and from the left."""


class Looks(NamedTuple):
    """Of one picture.

    Attributes:
        height: of the crop, in pixels.
        sharpness: variance of the Laplacian of the luminance; the less, the more blurred.
        luminance: its mean, 0 to 255.
        clipped: share of pixels that are lost in the dark or in the light.
        torso: mean luminance of the torso, 0 to 255.
    """

    height: float
    sharpness: float
    luminance: float
    clipped: float
    torso: float

    @classmethod
    def of(cls, image: Image.Image) -> Looks:
        """Luminance is 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), which an infrared picture's grey values are already."""
        grey = np.asarray(image.convert("L"), np.float64)
        height, width = grey.shape
        (top, bottom), (left, right) = TORSO_ROWS, TORSO_COLUMNS
        torso = grey[int(top * height) : int(bottom * height) + 1, int(left * width) : int(right * width) + 1]
        clipped = (grey <= CLIPPED[0]) | (grey >= CLIPPED[1])
        return cls(height, sharpness(grey), float(grey.mean()), float(clipped.mean()), float(torso.mean()))


def sharpness(grey: NDArray[np.float64]) -> float:
    """Variance of the Laplacian of luminance (rows, columns), at the picture's own size; 0 of fewer than 3 rows or columns.

    The Laplacian at a pixel is the sum of its four neighbours less four times itself; pixels at the edge are left out.

    Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative study", ICPR 2000.
    """
    if min(grey.shape) < 3:
        return 0.0
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * grey[1:-1, 1:-1]).var())
