"""JPEG and BMP, which is all that Pillow does here."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BEST = 95


def jpeg(image: NDArray[np.uint8], quality: int) -> bytes:
    """A picture, uint8 (rows, columns, 3), as JPEG: 4:2:0, and 4:4:4 of the best quality."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=0 if quality == BEST else 2)
    return buffer.getvalue()


def bmp(image: NDArray[np.uint8]) -> bytes:
    """A picture, uint8 (rows, columns, 3), as BMP."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "BMP")
    return buffer.getvalue()
