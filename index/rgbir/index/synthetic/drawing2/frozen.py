"""The hashes of the drawing's sheets, pixels before coding: whatever moves them is another drawing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

PEOPLE, IMAGES = range(1, 21), 2
"""Of a sheet: the first block of seed 0, by all cameras of a layout."""
SHEETS: dict[str, str] = {
    "sysu": "9e86cd0c76eefd0f2d2d08c32ff5b9ade952eac7d191685b6d4b089c4d88c81d",
    "regdb": "75774cb993a04aebd1f408b23990b76e7463477e0f61c240e1cef71be58d8332",
    "llcm": "2c39b3091144c9efe40d8b55958760033927949cd5f4e47c8b22845a9c2ef325",
}
"""SHA-256 by layout, see `digest`."""


def digest(shots: Iterable[NDArray[np.uint8]]) -> str:
    """SHA-256 of pictures, uint8 (rows, columns, 3), their shapes with them."""
    sums = hashlib.sha256()
    for shot in shots:
        sums.update(repr(shot.shape).encode() + shot.tobytes())
    return sums.hexdigest()
