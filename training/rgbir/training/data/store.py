"""Training images as pixels, by number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgbir.index import ImageRecord, Resize
from rgbir.index.progress import Progress, silent
from rgbir.training.data.cache import Form, Kept, fill


class ImageStore:
    """Decoded and resized images by number: uint8 (height, width, 3), RGB.

    They are decoded each time they are asked for, unless `fill` was called: then they are mapped from the cache's files, and
    all processes share the memory.

    Args:
        records: image t is that of record t.
        height, width: in pixels.
        resize: the filter that makes them so.
    """

    def __init__(self, records: Sequence[ImageRecord], height: int, width: int, resize: Resize = "bilinear") -> None:
        self.records = records
        self.form = Form(height, width, resize)
        self._kept: Kept | None = None

    def __len__(self) -> int:
        return len(self.records)

    @property
    def kept_bytes(self) -> int:
        """How many bytes of the cache's files are this store's images."""
        return 0 if self._kept is None else len(self._kept) * self.form.height * self.form.width * 3

    def fill(self, cache: Path, progress: Progress = silent) -> None:
        """Has all images in the cache, as far as it can be written; see `rgbir.training.data.cache.fill`.

        Raises:
            BadImage: a file can't be read or decoded.
        """
        self._kept = fill(self.records, self.form, cache, progress)

    def __getitem__(self, number: int) -> NDArray[np.uint8]:
        image = None if self._kept is None else self._kept.get(number)
        if image is not None:
            return image
        return self.form.of(self.records[number].decoded())
