"""What a camera sees: a still ground, and one person after the other who walks through when a test says so."""

from __future__ import annotations

import threading
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from tests.conftest import BUNDLE
from tests.footage.conftest import PlainEncoder

from rgbir.footage.destination import InGallery
from rgbir.footage.enrolment import Manner
from rgbir.footage.frames import Frame
from rgbir.footage.live import Clocks, Live
from rgbir.index import Bundle, Encoder, Gallery

HEIGHT, WIDTH = 140, 240
STEP = 8
"""Pixels that somebody walks from frame to frame."""
FRAMES = WIDTH // STEP


class Scene:
    """A picture of 140 x 240 pixels.

    Args:
        speed: pixels a second at which people walk; None, and they take a step each time somebody calls `step`.

    Attributes:
        walked: how many have walked through.
    """

    def __init__(self, speed: float | None = None) -> None:
        rng = np.random.default_rng(9)
        small = rng.integers(90, 150, (HEIGHT // 10, WIDTH // 10, 3))
        self._ground = small.repeat(10, 0).repeat(10, 1).astype(np.uint8)
        self._clothes = rng.integers(0, 255, (100, 9, 4, 3)).astype(np.uint8)
        self._speed, self._lock = speed, threading.Lock()
        self._left: float | None = None
        self._since = 0.0
        self._waiting = False
        self.walked = 0

    def walk(self) -> None:
        """Somebody comes in, in clothes of their own."""
        with self._lock:
            self._left, self._waiting = 0.0, True

    def vanish(self) -> None:
        """Nobody is there any more."""
        with self._lock:
            if self._left is not None:
                self._left, self.walked = None, self.walked + 1

    @property
    def empty(self) -> bool:
        return self._left is None

    def step(self) -> None:
        with self._lock:
            if self._left is not None:
                self._go(self._left + STEP)

    def _go(self, left: float) -> None:
        self._left = left
        if left > WIDTH - 28:
            self._left, self.walked = None, self.walked + 1

    def show(self, seconds: float) -> NDArray[np.uint8]:
        """The picture, uint8 (140, 240, 3), RGB, so many seconds after the camera was switched on."""
        with self._lock:
            if self._speed is not None and self._left is not None:
                if self._waiting:
                    self._since, self._waiting = seconds, False
                self._go((seconds - self._since) * self._speed)
            image = self._ground.copy()
            if self._left is not None:
                left = round(self._left)
                image[40:112, left : left + 28] = self._clothes[self.walked % 100].repeat(8, 0).repeat(7, 1)
            return image


class Stepping(Live):
    """Takes frames of a real stream, by a clock that goes on by a fifth of a second a frame: the test doesn't depend on the machine.

    Args:
        scene: whose people take a step at every frame.
    """

    def __init__(self, gallery: Gallery, scene: Scene, words: list[str], **more: Any) -> None:
        self.passed, self.scene, self.taken = 0.0, scene, 0
        encoder = cast(Encoder, PlainEncoder(Bundle(BUNDLE)))
        clocks = Clocks(lambda: 1_800_000_000.0 + self.passed, lambda: self.passed)
        super().__init__(
            gallery.network["hall"],
            InGallery(gallery, encoder),
            None,
            Manner(),
            clocks=clocks,
            say=words.append,
            **more,
        )

    def frame(self, frame: Frame, arrived: float) -> None:
        self.passed += 0.2
        super().frame(frame, self.passed)
        self.taken += 1
        self.scene.step()
