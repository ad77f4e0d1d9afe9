"""Random numbers that every machine draws alike: the bits of Philox, a stream for each purpose, and integer arithmetic."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from rgbir.index.synthetic.drawing2.tables import exponential

T = TypeVar("T")
_LANES, _LOW = np.uint64(0x0000_FFFF_0000_FFFF), np.uint64(0xFFFF_FFFF)
_UNIT, _SIXTEEN, _HALF = 1.0 / 16_777_216, np.uint64(16), np.uint64(32)
MIDDLE, SPREAD = 393_210, 65_536
"""Twelve integers of 16 bits have about this sum, and this standard deviation."""


class Stream:
    """Numbers for one purpose. A new purpose never moves the numbers of another.

    Args:
        text: names the stream; the first 128 bits of its SHA-256 are Philox's key.
    """

    def __init__(self, text: str) -> None:
        key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
        self._bits = np.random.Philox(key=key)

    def unit(self) -> float:
        """From 0 to less than 1, in steps of 2 to the power of -24."""
        return (int(self._bits.random_raw()) >> 40) * _UNIT

    def between(self, low: float, high: float) -> float:
        """Uniform."""
        return low + (high - low) * self.unit()

    def below(self, n: int) -> int:
        """A whole number from 0 to n - 1."""
        return ((int(self._bits.random_raw()) >> 32) * n) >> 32

    def yes(self, probability: float) -> bool:
        """Whether it happens."""
        return self.unit() < probability

    def one_of(self, choices: Sequence[tuple[T, int]]) -> T:
        """One of the choices, by their integer weights."""
        left = self.below(_total(choices))
        for choice, weight in choices:
            left -= weight
            if left < 0:
                return choice
        raise AssertionError("weights are whole numbers, 0 or more, and not all 0")

    def normal(self, mean: float, deviation: float) -> float:
        """The sum of twelve integers of 16 bits, moved and scaled; never more than six deviations away."""
        return mean + deviation * float(self.normals(1)[0])

    def lognormal(self, median: float, sigma: float) -> float:
        """Its natural logarithm is normal."""
        return median * exponential(self.normal(0.0, sigma))

    def normals(self, count: int) -> NDArray[np.float32]:
        """As `normal`, of mean 0 and deviation 1: float32 (count,)."""
        words = self._bits.random_raw(3 * count)
        pairs = (words & _LANES) + ((words >> _SIXTEEN) & _LANES)
        thirds = pairs[:count] + pairs[count : 2 * count] + pairs[2 * count :]
        drawn = ((thirds & _LOW) + (thirds >> _HALF)).astype(np.int64) - MIDDLE
        return drawn.astype(np.float32) * np.float32(1 / SPREAD)


class Key(NamedTuple):
    """What is drawn: streams are named by it.

    Attributes:
        seed: of the set.
        person: a number; 0 where nobody is meant.
        camera: a number; 0 for what is the same at every camera.
        walk: a pass of the person before the camera; 0 for what is the same in all.
        picture: a frame of the pass; 0 for what is the same in all.
    """

    seed: int
    person: int = 0
    camera: int = 0
    walk: int = 0
    picture: int = 0

    def stream(self, purpose: str) -> Stream:
        """The numbers for that purpose, from their beginning."""
        return Stream(f"synthetic-people 2|{'|'.join(map(str, self))}|{purpose}")


def _total(choices: Sequence[tuple[object, int]]) -> int:
    total = 0
    for _, weight in choices:
        total += weight
    return total


def shuffled(stream: Stream, values: range) -> list[int]:
    """The values in an order of their own."""
    order = list(values)
    for place in range(len(order) - 1, 0, -1):
        other = stream.below(place + 1)
        order[place], order[other] = order[other], order[place]
    return order
