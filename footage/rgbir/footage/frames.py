"""A frame, and what is known of the recording that it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Chroma:
    """How much colour a frame has, in levels of 0 to 255, measured on its colour planes before any conversion.

    Attributes:
        mean: mean of |Cb − 128| + |Cr − 128|. A tint over the whole picture raises it.
        spread: standard deviation of Cb, and of Cr, added. A tint over the whole picture leaves it at 0.
    """

    mean: float
    spread: float

    @classmethod
    def of_planes(cls, cb: NDArray[np.uint8], cr: NDArray[np.uint8]) -> Chroma:
        """Of the two colour planes, uint8, any shape; full or limited range is no matter."""
        blue, red = cb.astype(np.float32) - 128, cr.astype(np.float32) - 128
        return cls(float(np.abs(blue).mean() + np.abs(red).mean()), float(blue.std() + red.std()))

    @classmethod
    def of_pixels(cls, image: Pixels) -> Chroma:
        """Of a picture, uint8 (height, width, 3), RGB; every fourth pixel each way is looked at (BT.601, full range)."""
        red, green, blue = (image[::4, ::4, channel].astype(np.float32) for channel in range(3))
        luma = 0.299 * red + 0.587 * green + 0.114 * blue
        cb, cr = (blue - luma) * np.float32(0.564), (red - luma) * np.float32(0.713)
        return cls(float(np.abs(cb).mean() + np.abs(cr).mean()), float(cb.std() + cr.std()))


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A decoded frame, upright.

    Attributes:
        image: uint8 (height, width, 3), RGB.
        number: its place in the recording, from 0, in the order in which frames are shown.
        seconds: since the recording's first frame.
        chroma: how much colour it has.
    """

    image: Pixels
    number: int
    seconds: float
    chroma: Chroma


@dataclass(frozen=True, slots=True)
class About:
    """What a recording says of itself.

    Attributes:
        kind: the container as FFmpeg calls it, or `pictures`.
        codec: as FFmpeg calls it.
        width, height: of the first frame, upright, in pixels.
        rate: frames a second on average; None where it isn't said.
        seconds: how long it is; None where it isn't said.
        rotation: degrees, anticlockwise, by which its frames are turned to stand upright.
        made_at: the container's own time of making; None where it has none.
        timecode: of its first frame, `hh:mm:ss:ff`; None where it has none.
        arrived: of a stream: when its first frame came, seconds of this machine's monotonic clock; None of a recording.
    """

    kind: str
    codec: str
    width: int
    height: int
    rate: float | None = None
    seconds: float | None = None
    rotation: int = 0
    made_at: datetime | None = None
    timecode: str | None = None
    arrived: float | None = None


@dataclass(slots=True)
class Decoding:
    """How the decoding of a recording went.

    Attributes:
        frames: how many its packets hold, as far as they were read.
        taken: of those, how many were handed on.
        damaged: packets that could not be decoded and frames that the decoder calls damaged; they were passed over.
        cut: why it ended before its end, in words; None where it did not.
        late: of a stream: frames that came while those before them were still looked at; they were dropped.
    """

    frames: int = 0
    taken: int = 0
    damaged: int = 0
    cut: str | None = None
    late: int = 0
