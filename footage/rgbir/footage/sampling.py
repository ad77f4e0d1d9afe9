"""Which frames are looked at: the first one at or behind each tick of so many a second.

Where a film has three times as many frames as are wanted, or more, frames that no other frame leans on aren't decoded at all. Then it is the first of
the others.
"""

from __future__ import annotations

import math

TICK = 1e-6
"""Seconds by which two times of one frame may differ by rounding."""


def next_tick(seconds: float, sample: float | None) -> float:
    """The time of the first tick behind that frame, in seconds; just behind it where every frame is looked at."""
    if sample is None:
        return seconds + 2 * TICK
    return (math.floor(seconds * sample + TICK) + 1) / sample
