"""Pictures for paper: what a browser shows, no larger than 60 mm need."""

from __future__ import annotations

import base64
import io

from PIL import Image

from rgbir.index import BadImage, Box, Crop, decode

MOST_HIGH = 720
"""Pixels: 60 mm at 300 to the inch."""
MOST_AS_IT_IS = 262_144
"""Bytes of a JPEG that goes into the page unchanged."""


def data_uri(crop: Crop, box: Box | None, max_pixels: int) -> str | None:
    """A picture as the page holds it; None if it can't be read.

    Args:
        box: where the person is; the rest is cut off.
    """
    if box is None and crop.media_type == "image/jpeg" and len(crop.data) <= MOST_AS_IT_IS:
        return _written(crop.media_type, crop.data)
    try:
        image = decode(crop.data, "picture", box, max_pixels)
    except BadImage:
        return None
    image.thumbnail((2 * MOST_HIGH, MOST_HIGH), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92)
    return _written("image/jpeg", out.getvalue())


def _written(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
