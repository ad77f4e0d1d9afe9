"""The hashes of the drawing's sheets, pixels before coding: whatever moves them is another drawing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

PEOPLE, IMAGES = range(1, 21), 2
"""Of a sheet: the first block of seed 0, by all cameras of a layout."""
SHEETS: dict[str, str] = {
    "sysu": "7cfbb74bd80fef32782b7e81f49dacb297979535358d718a50d0a7e40d75cc46",
    "regdb": "063d7b2c48a20f71db6bdf8657d1ce4009c4a084e8604fda72c517b7b65e5ddb",
    "llcm": "ab77942defce88819caed6af00cacadba8fa61afc67e56397948e5bf08b2c070",
}
"""SHA-256 by layout, see `digest`."""


def digest(shots: Iterable[NDArray[np.uint8]]) -> str:
    """SHA-256 of pictures, uint8 (rows, columns, 3), their shapes with them."""
    sums = hashlib.sha256()
    for shot in shots:
        sums.update(repr(shot.shape).encode() + shot.tobytes())
    return sums.hexdigest()
