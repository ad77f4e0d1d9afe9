"""Training images as pixels, by number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rgbir.index import ImageRecord, Resize, decode, pixels, read_bytes


class ImageStore:
    """Decoded and resized images by number: uint8 (height, width, 3), RGB.

    Args:
        records: image t is the file of record t.
        height, width: in pixels.
        resize: the filter that makes them so.
        cache: whether they stay in memory once read (147 kB each at 384x128).
    """

    def __init__(self, records: Sequence[ImageRecord], height: int, width: int, resize: Resize, cache: bool) -> None:
        self.records, self.height, self.width, self.resize, self.cache = records, height, width, resize, cache
        self._kept: dict[int, NDArray[np.uint8]] = {}

    def __getitem__(self, number: int) -> NDArray[np.uint8]:
        if number in self._kept:
            return self._kept[number]
        path = self.records[number].path
        image = pixels(decode(read_bytes(path), str(path)), self.height, self.width, self.resize)
        if self.cache:
            self._kept[number] = image
        return image
