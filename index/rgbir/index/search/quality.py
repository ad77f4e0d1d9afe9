"""Is a query good enough to expect anything of it?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from rgbir.index.cameras import Modality
from rgbir.index.depth import ASSUMED

SMALLEST = (24, 48)
"""Pixels, width and height, below which little is left to recognise."""
_BURNT, _BURNT_SHARE, _DARK, _DARK_SHARE = 250, 0.35, 8, 0.95
_BLURRED = 12.0
_COLOURED, _GREY = 12.0, 1.5


def image_quality(image: Image.Image, modality: Modality) -> list[str]:
    """What is wrong with an image of a person, in words; none if nothing is. Rules of thumb, not a model.

    Too small, over- or under-exposed, blurred, or of the other modality than it is said to be.
    """
    remarks = [f"deep image: {image.info[ASSUMED]}"] if ASSUMED in image.info else []
    if image.width < SMALLEST[0] or image.height < SMALLEST[1]:
        remarks.append(
            f"the image has {image.width}x{image.height} pixels; below {SMALLEST[0]}x{SMALLEST[1]} people are rarely found"
        )
    small = image.convert("RGB")
    small.thumbnail((128, 256))
    red, green, blue = (np.asarray(band) for band in small.split())  # planes: an axis of three is slow to reduce
    grey = (red.astype(np.float32) + green + blue) / 3
    if (burnt := float((grey >= _BURNT).mean())) > _BURNT_SHARE:
        remarks.append(f"{burnt:.0%} of the image is over-exposed; what is white shows no clothes")
    if float((grey < _DARK).mean()) > _DARK_SHARE:
        remarks.append("the image is nearly black")
    elif min(grey.shape) >= 3 and (sharpness := _sharpness(grey)) < _BLURRED:
        remarks.append(f"the image is blurred (sharpness {sharpness:.0f}, below {_BLURRED:.0f})")
    most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    spread = float((most - least).mean())
    if modality is Modality.IR and spread > _COLOURED:
        remarks.append("the image has colours, and the query says that it is infrared; was the right camera named?")
    if modality is Modality.RGB and spread < _GREY:
        remarks.append(
            "the image has no colours, and the query says that it is a colour image; was the right camera named?"
        )
    return remarks


def remarks_of(by_image: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Remarks on each image, in one list; each names its image where there are several."""
    numbered = [(place, remark) for place, remarks in enumerate(by_image, 1) for remark in remarks]
    return tuple(remark if len(by_image) == 1 else f"image {place}: {remark}" for place, remark in numbered)


def _sharpness(grey: np.ndarray) -> float:
    """Variance of the Laplacian."""
    inner = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * inner).var())
