"""Small films for tests, drawn in no time: somebody crosses the picture every few seconds, and nobody is there between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgbir.footage.film import write_film

WIDTH, HEIGHT, RATE = 192, 144, 5
EVERY_S, CROSSING_S = 8, 5
"""Seconds from one person's coming to the next one's, and that each needs to cross the picture."""


def passing(people: int, seed: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Pictures, uint8 (HEIGHT, WIDTH, 3): so many people pass one after the other, each in clothes of other colours."""
    chance = np.random.default_rng(seed)
    ground = np.kron(chance.integers(60, 140, (HEIGHT // 8, WIDTH // 8, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    for _ in range(people):
        legs, shirt = chance.integers(0, 256, (2, 3), np.uint8)
        for step in range(RATE * EVERY_S):
            picture = ground.copy()
            if step < RATE * CROSSING_S:
                left = round(step / (RATE * CROSSING_S) * (WIDTH - 24))
                picture[40:80, left + 2 : left + 22] = shirt
                picture[80:120, left + 4 : left + 20] = legs
                picture[28:40, left + 7 : left + 17] = (220, 180, 150)
            yield picture


def film_of(file: Path, people: int, seed: int = 0, began: datetime | None = None) -> Path:
    """A film of them, `EVERY_S` seconds each."""
    write_film(file, passing(people, seed), RATE, began)
    return file
