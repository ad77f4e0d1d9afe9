"""Colour or infrared, of one picture: a snapshot has no frames before it, so what it shows decides alone."""

from __future__ import annotations

import numpy as np
from PIL import Image

from rgbir.index import Modality

GREY = 1.5
"""Levels of chroma up to which a picture is infrared: cameras give 0, and compression adds parts of a level."""


def modality_of(image: Image.Image) -> Modality:
    """What took a picture.

    The mean of |Cb − 128| + |Cr − 128| is near 0 in infrared. A recorder may lay one tint over all of it: then the mean is large,
    and Cb and Cr still don't spread.

    Args:
        image: RGB, of any size.
    """
    small = image.copy()
    small.thumbnail((320, 320))
    chroma = np.asarray(small.convert("YCbCr"), np.float64)[..., 1:] - 128.0
    mean = float(np.abs(chroma).sum(axis=2).mean())
    spread = float(chroma[..., 0].std() + chroma[..., 1].std())
    return Modality.IR if mean <= GREY or spread <= GREY else Modality.RGB
