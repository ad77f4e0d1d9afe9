"""Colour or infrared, of one picture: a snapshot has no frames before it, so what it shows decides alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rgbir.footage.daylight import GREY, level
from rgbir.footage.frames import Chroma
from rgbir.index import Modality


def modality_of(frame: NDArray[np.uint8]) -> Modality:
    """What took a picture, uint8 (height, width, 3), RGB: infrared has no colour, or one tint over all of it."""
    return Modality.IR if level(Chroma.of_pixels(frame)) < GREY else Modality.RGB
