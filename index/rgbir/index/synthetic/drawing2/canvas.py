"""Tapered cylinders drawn into buffers: what each pixel reflects or emits, how its surface is tilted, how much is covered.

Each point of a cylinder knows its azimuth on the body, so a print stays on the chest and a backpack on the back, whatever
the view.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np

from rgbir.index.synthetic.drawing2.matter import Matter
from rgbir.index.synthetic.drawing2.pixels import Array
from rgbir.index.synthetic.drawing2.skeleton import Axes, Point
from rgbir.index.synthetic.drawing2.surface import Surface
from rgbir.index.synthetic.drawing2.tables import PI, arcsine, cosine, sine

HEIGHT, WIDTH = 352, 208
"""Of the canvas, in pixels, around a person of `TALL` rows: boxes may miss, and others may enter."""
TALL = 250
FEET = 302
"""The row that the feet stand on."""
Sense = Callable[[Matter], tuple[float, ...]]
"""What a sensor has of a matter: the values of its channels."""


@dataclass(frozen=True, slots=True)
class View:
    """Where the camera is.

    Attributes:
        scale: pixels a metre, half way up the person.
        foot_x, foot_y: the feet's pixel.
        grows: how much larger the head is than the feet, as a share of `scale`.
        down: the sine of the angle at which the camera looks down.
    """

    scale: float
    foot_x: float
    foot_y: float
    grows: float
    down: float


def view(height_m: float, distance_m: float, hung_m: float, share: float = 1.0, foot_x: float = WIDTH / 2) -> View:
    """Of a person of that height and distance from a camera that hangs so high.

    Args:
        share: of the usual size, of who is farther or nearer than the person whom the picture is about.
    """
    middle = hung_m - height_m / 2
    down = min(middle / sqrt(middle * middle + distance_m * distance_m), 0.55)
    above = hung_m - height_m
    to_feet, to_head = (sqrt(rise * rise + distance_m * distance_m) for rise in (hung_m, above))
    scale = TALL / (height_m * sqrt(1 - down * down)) * share
    return View(scale, foot_x, FEET + (share - 1) * 60, min(to_feet / to_head - 1, 0.25), down)


class Canvas:
    """The buffers, each of `HEIGHT` rows and `WIDTH` columns.

    Attributes:
        values: float32 (channels, rows, columns), what the sensor has of the surface.
        coverage: float32 (rows, columns), how much of the pixel is covered, 0 to 1.
        facing: float32 (rows, columns), sine of the angle between surface and camera, across the part's axis.
    """

    def __init__(self, sense: Sense, channels: int) -> None:
        self._sense = sense
        self.values: Array = np.zeros((channels, HEIGHT, WIDTH), np.float32)
        self.coverage: Array = np.zeros((HEIGHT, WIDTH), np.float32)
        self.facing: Array = np.zeros((HEIGHT, WIDTH), np.float32)

    def cylinder(
        self,
        ends: tuple[Point, Point],
        wide: Axes,
        deep: Axes,
        surface: Surface,
        seen: View,
        yaw: float,
        height_m: float,
    ) -> None:
        """A tapered elliptic cylinder with round ends; `wide` and `deep` are half axes at top and bottom."""
        cos, sin = cosine(yaw), sine(yaw)
        x0, y0, s0 = project(ends[0], seen, cos, sin, height_m)
        x1, y1, s1 = project(ends[1], seen, cos, sin, height_m)
        r0, r1 = (_across(side * cos, front * sin) for side, front in zip(wide, deep, strict=True))
        r0, r1 = r0 * s0, r1 * s1
        reach = max(r0, r1) + 1.5
        left, right = int(max(min(x0, x1) - reach, 0.0)), int(min(max(x0, x1) + reach + 1, float(WIDTH)))
        up, down = int(max(min(y0, y1) - reach, 0.0)), int(min(max(y0, y1) + reach + 1, float(HEIGHT)))
        if left >= right or up >= down:
            return
        dx, dy = x1 - x0, y1 - y0
        length = max(_across(dx, dy), 1e-3)
        ux, uy = dx / length, dy / length
        px = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(x0)
        py = np.arange(up, down, dtype=np.float32)[:, None] - np.float32(y0)
        along = px * np.float32(ux) + py * np.float32(uy)
        across = px * np.float32(uy) - py * np.float32(ux)
        t = np.minimum(np.maximum(along * np.float32(1 / length), np.float32(0)), np.float32(1))
        radius = np.maximum(t * np.float32(r1 - r0) + np.float32(r0), np.float32(0.3))
        beyond = np.maximum(np.maximum(-along, along - np.float32(length)), np.float32(0)) * np.float32(1.6)
        away = np.sqrt(across * across + beyond * beyond)  # flat-ish caps
        c = np.minimum(np.maximum(radius - away + np.float32(0.5), np.float32(0)), np.float32(1))
        offset = np.minimum(np.maximum(across / radius, np.float32(-1)), np.float32(1))
        region = (slice(up, down), slice(left, right))
        metres = _length(ends[0], ends[1])
        for channel, value in enumerate(self._values(surface, offset, t, metres, yaw)):
            part = self.values[channel][region]
            part += c * (value - part)
        part = self.facing[region]
        part += c * (offset - part)
        self.coverage[region] = np.maximum(self.coverage[region], c)

    def _values(self, surface: Surface, offset: Array, t: Array, metres: float, yaw: float) -> list[Array | np.float32]:
        values: list[Array | np.float32] = [np.float32(value) for value in self._sense(surface.ground)]
        if not surface.layers:
            return values
        turn = yaw - 2 * PI * int(yaw / (2 * PI))
        azimuth = arcsine(offset) - np.float32(turn)
        azimuth = np.where(azimuth > np.float32(PI), azimuth - np.float32(2 * PI), azimuth)
        azimuth = np.where(azimuth < np.float32(-PI), azimuth + np.float32(2 * PI), azimuth)
        down = t * np.float32(metres)
        for mask, matter in surface.layers:
            share = mask(azimuth, down)
            above = self._sense(matter)
            values = [value + share * (np.float32(new) - value) for value, new in zip(values, above, strict=True)]
        return values


def project(p: Point, seen: View, cos: float, sin: float, height_m: float) -> tuple[float, float, float]:
    """Pixel x, pixel y, and pixels a metre at that height."""
    x, y, z = p
    turned = x * cos + z * sin
    scale = seen.scale * (1 + seen.grows * (y / height_m - 0.5))
    depth = z * cos - x * sin
    upright = y * sqrt(1 - seen.down * seen.down) - depth * seen.down  # from above: what is nearer appears lower
    return seen.foot_x + turned * scale, seen.foot_y - upright * seen.scale, scale


def _across(a: float, b: float) -> float:
    return sqrt(a * a + b * b)


def _length(a: Point, b: Point) -> float:
    x, y, z = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return sqrt(x * x + y * y + z * z)
