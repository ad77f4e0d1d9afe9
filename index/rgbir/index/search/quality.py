"""Is a query good enough to expect anything of it?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from rgbir.index.cameras import Modality
from rgbir.index.depth import ASSUMED
from rgbir.index.gallery.remarks import Code, Remark

SMALLEST = (24, 48)
"""Pixels, width and height, below which little is left to recognise."""
_BURNT, _BURNT_SHARE, _DARK, _DARK_SHARE = 250, 0.35, 8, 0.95
_BLURRED = 12.0
_COLOURED, _GREY = 12.0, 1.5


def image_quality(image: Image.Image, modality: Modality) -> list[Remark]:
    """What is wrong with an image of a person; nothing if nothing is. Rules of thumb, not a model.

    Too small, over- or under-exposed, blurred, or of the other modality than it is said to be. The value `shot` is 1.
    """
    return list(_quality(image, modality))


def _remark(code: Code, text: str, **values: Any) -> Remark:
    return Remark(code, text, {"shot": 1, **values})


def _quality(image: Image.Image, modality: Modality) -> Iterator[Remark]:
    if (assumed := image.info.get(ASSUMED)) is not None:
        yield _remark(Code.SHOT_DEEP, f"deep image: {assumed}", assumed=assumed)
    (width, height), (least_width, least_height) = image.size, SMALLEST
    if width < least_width or height < least_height:
        text = f"the image has {width}x{height} pixels; below {least_width}x{least_height} people are rarely found"
        sizes = {"width": width, "height": height, "least_width": least_width, "least_height": least_height}
        yield _remark(Code.SHOT_SMALL, text, **sizes)
    small = image.convert("RGB")
    small.thumbnail((128, 256))
    red, green, blue = (np.asarray(band) for band in small.split())  # planes: an axis of three is slow to reduce
    grey = (red.astype(np.float32) + green + blue) / 3
    if (burnt := float((grey >= _BURNT).mean())) > _BURNT_SHARE:
        text = f"{burnt:.0%} of the image is over-exposed; what is white shows no clothes"
        yield _remark(Code.SHOT_BURNT, text, share=burnt)
    if float((grey < _DARK).mean()) > _DARK_SHARE:
        yield _remark(Code.SHOT_DARK, "the image is nearly black")
    elif min(grey.shape) >= 3 and (sharpness := _sharpness(grey)) < _BLURRED:
        text = f"the image is blurred (sharpness {sharpness:.0f}, below {_BLURRED:.0f})"
        yield _remark(Code.SHOT_BLURRED, text, sharpness=sharpness, least=_BLURRED)
    most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    spread = float((most - least).mean())
    if modality is Modality.IR and spread > _COLOURED:
        text = "the image has colours, and the query says that it is infrared; was the right camera named?"
        yield _remark(Code.SHOT_HAS_COLOURS, text)
    if modality is Modality.RGB and spread < _GREY:
        text = "the image has no colours, and the query says that it is a colour image; was the right camera named?"
        yield _remark(Code.SHOT_NO_COLOURS, text)


def remarks_of(by_image: Sequence[Sequence[Remark]]) -> tuple[Remark, ...]:
    """Remarks on each image, in one list; the value `shot` says which, from 1, and so do the words where there are several."""
    numbered = [(place, remark) for place, remarks in enumerate(by_image, 1) for remark in remarks]
    return tuple(
        replace(
            remark,
            text=remark.text if len(by_image) == 1 else f"image {place}: {remark.text}",
            values={**remark.values, "shot": place},
        )
        for place, remark in numbered
    )


def _sharpness(grey: np.ndarray) -> float:
    """Variance of the Laplacian."""
    inner = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * inner).var())
