"""The picture of a site's plan, as others may see it: its pixels encoded again, and nothing else of the file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from rgbir.index import BadImage, decode, read_bytes
from rgbir.server.errors import BadSettings

_PNG, _QUALITY = b"\x89PNG", 90


class Picture(NamedTuple):
    """A picture to show.

    Attributes:
        media_type: image/png or image/jpeg.
        data: the file's bytes.
        width, height: in pixels.
    """

    media_type: str
    data: bytes
    width: int
    height: int


def read_plan(file: Path, max_pixels: int) -> Picture:
    """A drawing becomes a PNG if it was one, and a JPEG otherwise. Its metadata stay behind, and so does whatever followed it.

    Args:
        max_pixels: a larger one is refused before its pixels are decoded.

    Raises:
        BadSettings: it is no image that is read here; SVG is none.
    """
    try:
        data = read_bytes(file)
        image = decode(data, str(file), max_pixels=max_pixels)
    except BadImage as error:
        raise BadSettings(f"--plan is a picture, such as PNG or JPEG: {error}") from error
    kind = "PNG" if data.startswith(_PNG) else "JPEG"
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(image)).save(buffer, kind, quality=_QUALITY)
    return Picture(f"image/{kind.lower()}", buffer.getvalue(), image.width, image.height)
