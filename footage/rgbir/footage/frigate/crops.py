"""Which part of a snapshot is the person."""

from __future__ import annotations

import math

from rgbir.footage.frigate.errors import PassedOver
from rgbir.footage.frigate.events import PersonEvent
from rgbir.index import Box

MARGIN = 0.03
"""Of the box's width and height, on each side: trackers cut feet and hair off."""
OVER = 2
"""Pixels that a box may reach over the picture's edge, by rounding."""


def box_of(event: PersonEvent, width: int, height: int) -> Box:
    """The event's box in whole pixels of its snapshot.

    Raises:
        PassedOver: it doesn't lie in the picture, or is nothing.
    """
    across, down = (width, height) if event.in_parts else (1, 1)
    left, top, right, bottom = (round(side * by) for side, by in zip(event.box, (across, down) * 2, strict=True))
    inside = -OVER <= left < right <= width + OVER and -OVER <= top < bottom <= height + OVER
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    if not inside or left >= right or top >= bottom:
        raise PassedOver(
            "box outside",
            f"event {event.id}: its box {tuple(event.box)} isn't in its snapshot of {width} x {height} pixels;"
            " snapshots must be whole: set snapshots.crop to false",
        )
    return left, top, right, bottom


def with_margin(box: Box, width: int, height: int) -> Box:
    """The box, a little wider, within the picture."""
    left, top, right, bottom = box
    across, down = MARGIN * (right - left), MARGIN * (bottom - top)
    return (
        max(math.floor(left - across), 0),
        max(math.floor(top - down), 0),
        min(math.ceil(right + across), width),
        min(math.ceil(bottom + down), height),
    )
