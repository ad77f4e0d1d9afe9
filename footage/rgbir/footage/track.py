"""A track: somebody's way through the picture, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.footage.kalman import BoxFilter

HITS = 3
"""Detections that a track needs."""
RECENT = 5
"""Detections by which its size is known."""
LOOK_BACK_S, LEAST_S = 1.0, 0.4
"""Over how many seconds a speed is measured, at most and at least."""


class Seen(NamedTuple):
    """A track in a frame.

    Attributes:
        number, seconds: of the frame.
        box: float32 (4,), as it was detected.
        score: the detection's.
    """

    number: int
    seconds: float
    box: NDArray[np.float32]
    score: float


@dataclass(slots=True, eq=False)
class Track:
    """Somebody's way through the picture.

    Attributes:
        number: counts the recording's tracks from 1; pieces of a track that was cut share it.
        filter: where it is expected.
        last_s: seconds of the frame in which it was seen last.
        piece: which piece, from 0.
        cut: whether it was cut at its beginning or at its end.
        seen: where it was, in order.
    """

    number: int
    filter: BoxFilter
    last_s: float
    piece: int = 0
    cut: bool = False
    seen: list[Seen] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its number; with a letter where it was cut: 7-a, 7-b, …"""
        return f"{self.number}-{letters(self.piece)}" if self.cut else str(self.number)

    @property
    def confirmed(self) -> bool:
        return len(self.seen) >= HITS

    @property
    def known(self) -> bool:
        """Whether it is somebody: confirmed, or the next piece of a track that was."""
        return self.confirmed or self.piece > 0

    @property
    def usual(self) -> tuple[float, float]:
        """Height and lower side, in pixels: medians of the last detections, which one that shows half a person doesn't move."""
        recent = np.array([seen.box for seen in self.seen[-RECENT:]], np.float64)
        return float(np.median(recent[:, 3] - recent[:, 1])), float(np.median(recent[:, 3]))

    @property
    def speed(self) -> float:
        """Of the last second, to the right, in pixels a second; 0 where it was seen for too short a time to say.

        Of both sides the faster one counts: at the picture's edge, and at a pillar, the other one stands still.
        """
        last = self.seen[-1]
        first = next(seen for seen in self.seen if last.seconds - seen.seconds <= LOOK_BACK_S)
        passed = last.seconds - first.seconds
        if passed < LEAST_S:
            return 0.0
        left, right = float(last.box[0] - first.box[0]), float(last.box[2] - first.box[2])
        return (left + right) / 2 / passed if left * right < 0 else max(left, right, key=abs) / passed


def letters(piece: int) -> str:
    """a to z, then aa, ab, …"""
    name = ""
    piece += 1
    while piece:
        piece, rest = divmod(piece - 1, 26)
        name = chr(ord("a") + rest) + name
    return name
