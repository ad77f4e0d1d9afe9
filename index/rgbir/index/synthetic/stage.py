"""The place as one sensor films it: the picture without people, people laid over it, and the sensor's noise over all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Modality
from rgbir.index.synthetic.drawing1.cameras import Array, Optics
from rgbir.index.synthetic.figures import Figure
from rgbir.index.synthetic.places import Lens, Place, backdrop

Window = tuple[slice, slice]
"""Rows and columns."""
DRIFT = 37
"""The noise is drawn once, larger than the picture by this many pixels, and lies elsewhere in each picture."""
SHADOW = 0.22
"""The share of light that is missing under the feet, by day."""


class Stage:
    """A place before one sensor.

    Attributes:
        lens: how the ground is seen.
        optics: of the sensor.
    """

    def __init__(self, place: Place, optics: Optics, lens: Lens, seed: int) -> None:
        self.lens, self.optics = lens, optics
        visible, infrared = backdrop(place, lens, seed)
        shape = (lens.height, lens.width)
        if optics.modality is Modality.RGB:
            tint = np.asarray(optics.tint, np.float32) * optics.exposure
            self._empty: Array = 255 * optics.contrast * (visible * tint) ** np.float32(1 / 2.1)
            self._black, self._power = 127.5 * (1 - optics.contrast), 1 / 2.1
        else:
            y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j].astype(np.float32)
            lamp = np.exp(-0.5 * (x**2 + y**2)) * (0.35 + 0.65 * optics.falloff) * optics.exposure
            self._empty = (255 * 0.86 * np.clip(infrared * lamp, 0, 1) ** 0.75)[..., None]
            self._black, self._power = 255 * 0.07, 1.0
        rng = np.random.default_rng([seed, place.number, optics.number, 29])
        larger = (shape[0] + DRIFT, shape[1] + DRIFT, self._empty.shape[2])
        self._noise: Array = rng.standard_normal(larger, np.float32) * np.float32(255 * optics.noise)

    def picture(self, figures: list[Figure], light: float, rng: np.random.Generator) -> NDArray[np.uint8]:
        """uint8 (height, width, 3): the people over the place, from far to near.

        Args:
            light: factor of the light on the place.
            rng: of the noise.
        """
        canvas = self._empty * np.float32(light**self._power)
        canvas += np.float32(self._black)
        for shown in figures:
            self._shade(canvas, shown)
            window, part, seen = self.seen(shown)
            share = seen[..., None] * np.float32(1 / 255)
            canvas[window] += share * (shown.pixels[part][..., : canvas.shape[2]] - canvas[window])
        down, right = (int(shift) for shift in rng.integers(0, DRIFT, 2))
        canvas += self._noise[down : down + canvas.shape[0], right : right + canvas.shape[1]]
        image = np.clip(canvas, 0, 255, out=canvas).astype(np.uint8)
        return image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)

    def seen(self, shown: Figure) -> tuple[Window, Window, NDArray[np.uint8]]:
        """Where a figure is in the picture, which part of it is inside, and that part's coverage, uint8 (height, width): 0
        where a thing hides it."""
        (height, width), (rows, columns) = (self.lens.height, self.lens.width), shown.pixels.shape[:2]
        up, left = max(shown.top, 0), max(shown.left, 0)
        down, right = max(min(shown.top + rows, height), up), max(min(shown.left + columns, width), left)
        part = slice(up - shown.top, down - shown.top), slice(left - shown.left, right - shown.left)
        coverage = shown.pixels[part][..., 3].copy()
        self._hide(coverage, up, left, shown.depth_m)
        return (slice(up, down), slice(left, right)), part, coverage

    def _hide(self, shares: NDArray[Any], top: int, left: int, depth_m: float) -> None:
        """Sets to 0, in an array that lies there in the picture, what things hide of somebody at that depth."""
        for thing in self.lens.things():
            if thing.depth_m < depth_m:
                rows = slice(max(thing.top - top, 0), max(thing.bottom - top, 0))
                shares[rows, max(thing.left - left, 0) : max(thing.right - left, 0)] = 0

    def _shade(self, canvas: Array, shown: Figure) -> None:
        """A soft shadow on the ground, by day."""
        if self.optics.modality is Modality.IR:
            return
        (x, y), wide, tall = shown.feet, 0.45 * shown.scale, 0.11 * shown.scale
        rows = slice(max(int(y - 2 * tall), 0), max(int(y + 2 * tall), 0))
        columns = slice(max(int(x - 2 * wide), 0), max(int(x + 2 * wide), 0))
        part = canvas[rows, columns]
        down = (np.arange(rows.start, rows.start + part.shape[0], dtype=np.float32) - np.float32(y)) / np.float32(tall)
        across = (
            np.arange(columns.start, columns.start + part.shape[1], dtype=np.float32) - np.float32(x)
        ) / np.float32(wide)
        dark = np.float32(SHADOW) * np.exp(-(down[:, None] ** 2) - across**2)
        self._hide(dark, rows.start, columns.start, shown.depth_m)
        part *= 1 - dark[..., None]
