"""Deep images as eight bits: thermal cameras and scientific ones count to more than 255, and seldom to all that the file could hold.

One rule for training, enrolment and queries. A file that says its range is believed. Otherwise the values are taken to be of the
smallest usual depth that holds them but for a few hot pixels, if they use a quarter of it. Else they are spread, again but for a
few, over what infrared pictures of 8 bits use: counts of a thermal camera lie in a narrow band far from zero.
"""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index.errors import BadImage

_log = logging.getLogger(__name__)
ASSUMED = "rgbir.assumed"
"""Where an image's `info` says in words how its values were read, if nothing in the file said it."""
_FULL = (255, 1023, 4095, 16_383, 65_535)
_LEAST_USED = 0.25
_USED = (48, 212)
"""Where the lowest and the highest value of an infrared picture of 8 bits lie: the median of synthetic people (`tests.index.test_depth`)."""
_HOT = 1000
"""A pixel in so many may be hot, or dead; four at least."""
_MIN, _MAX, _SIGNED_MIN, _SIGNED_MAX, _BITS = 280, 281, 340, 341, 258  # tags of TIFF
_told: set[str] = set()


def is_deep(image: Image.Image) -> bool:
    return image.mode.startswith("I;16") or image.mode in ("I", "F")


def eight_bits(image: Image.Image, name: str) -> Image.Image:
    """A deep grey image as one of 8 bits; `info[ASSUMED]` says how, unless the file did.

    Raises:
        BadImage: no value in it is a number.
    """
    values = np.asarray(image, np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise BadImage(f"{name}: no pixel of it is a number")
    stated = _said(image)
    low, high, assumed = (*stated, None) if stated is not None else _range(finite, image.mode == "F")
    scaled = (np.where(np.isfinite(values), values, low) - low) * (255 / (high - low))
    reduced = Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))
    if assumed is not None:
        reduced.info[ASSUMED] = assumed
        if (kind := assumed.partition(",")[0]) not in _told:
            _told.add(kind)
            _log.warning("%s: %s; said once, see the how-to for thermal cameras", name, assumed)
    return reduced


def check_colours(image: Image.Image, deep: bool, name: str) -> None:
    """Colours of 16 bits are read by their high byte, which is right if the whole range is used.

    Raises:
        BadImage: it isn't.
    """
    if deep and int(np.asarray(image.convert("RGB")).max(initial=0)) < 64:
        raise BadImage(
            f"{name}: colours of 16 bits that use 14 of them or fewer; only the full range is read: convert it to 8 bits"
        )


def _said(image: Image.Image) -> tuple[float, float] | None:
    """The range that a TIFF file declares: lowest and highest value, or its bits where they aren't whole bytes."""
    tags = getattr(image, "tag_v2", None)
    if tags is None:
        return None
    for least, most in ((_SIGNED_MIN, _SIGNED_MAX), (_MIN, _MAX)):
        if most in tags:
            low, high = _number(tags.get(least, 0)), _number(tags[most])
            if np.isfinite([low, high]).all() and low < high:
                return low, high
    bits = int(_number(tags.get(_BITS, 16)))
    return (0.0, float(2**bits - 1)) if bits not in (8, 16, 32, 64) and bits > 0 else None


def _number(tag: object) -> float:
    return float(tag[0] if isinstance(tag, tuple) else tag)  # type: ignore[arg-type]


def _range(values: NDArray[np.float64], fractions: bool) -> tuple[float, float, str]:
    """Lowest and highest value to spread over 8 bits, and what was assumed, in words."""
    spare = min(max(4, values.size // _HOT), values.size // 20)
    ordered = np.partition(values, [spare, values.size - 1 - spare])
    low, high = float(ordered[spare]), float(ordered[values.size - 1 - spare])
    if low >= 0:
        for full in (1, *_FULL) if fractions else _FULL:
            if high <= full:
                if high - low >= _LEAST_USED * full:
                    return 0.0, float(full), f"values up to {full:,} were assumed, which it doesn't say"
                break
    if high <= low:
        return low - 1, low + 1, "nearly all values are the same"
    step = (high - low) / (_USED[1] - _USED[0])
    assumed = f"its values, {low:,.5g} to {high:,.5g}, were spread, since it doesn't say their range"
    return low - _USED[0] * step, high + (255 - _USED[1]) * step, assumed
