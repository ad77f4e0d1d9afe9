"""Where synthetic footage is filmed: three cameras, what they see when nobody is there, and what hides people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from rgbir.index.synthetic.drawing1.cameras import CAMERAS, Array, Optics
from rgbir.index.synthetic.drawing1.people import Colour

WALL_M, HUNG_M = 16.0, 3.0
"""How far the wall behind everybody is, and how high the camera hangs."""


@dataclass(frozen=True, slots=True)
class Place:
    """One of the cameras that film.

    Attributes:
        number: of its random draws.
        optics: of its sensor, until dusk if there is a dusk.
        dusk: of its sensor after dusk, in the middle of the film; None where nothing changes.
        wall, ground: their visible reflectance.
        wall_infrared, ground_infrared: their reflectance at 850 nm.
    """

    number: int
    optics: Optics
    dusk: Optics | None
    wall: Colour
    ground: Colour
    wall_infrared: float
    ground_infrared: float


PLACES: dict[str, Place] = {
    "hall": Place(1, CAMERAS[0], None, (0.60, 0.54, 0.42), (0.40, 0.31, 0.22), 0.55, 0.42),
    "yard": Place(2, CAMERAS[5], None, (0.35, 0.34, 0.33), (0.30, 0.30, 0.30), 0.50, 0.40),
    "gate": Place(3, CAMERAS[3], CAMERAS[2], (0.42, 0.30, 0.22), (0.38, 0.36, 0.28), 0.50, 0.42),
}
"""By name: one films in colour, one in infrared, and one turns from colour to infrared."""


class Thing(NamedTuple):
    """Something upright that hides who is behind it.

    Attributes:
        depth_m: from the camera.
        left, top, right, bottom: columns and rows of the picture, the last ones not included.
    """

    depth_m: float
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Lens:
    """How the ground is seen in a picture.

    Attributes:
        width, height: of the picture, in pixels.
    """

    width: int
    height: int

    def scale(self, depth_m: float) -> float:
        """Pixels a metre at that depth."""
        return 1.35 * self.height / depth_m

    def row(self, depth_m: float) -> float:
        """Where the ground is at that depth."""
        return 0.12 * self.height + HUNG_M * self.scale(depth_m)

    def column(self, x_m: float, depth_m: float) -> float:
        return self.width / 2 + x_m * self.scale(depth_m)

    def half_m(self, depth_m: float) -> float:
        """From the picture's middle to its edge at that depth."""
        return self.width / 2 / self.scale(depth_m)

    def things(self) -> tuple[Thing, ...]:
        """A pillar as high as the picture, and a bench, from far to near."""
        return self._thing(0.67, 7.2, 0.55, 99.0), self._thing(0.26, 6.2, 1.5, 0.5)

    def _thing(self, share: float, depth_m: float, wide_m: float, tall_m: float) -> Thing:
        """At that share of the picture's width."""
        scale, bottom = self.scale(depth_m), self.row(depth_m)
        left = round(share * self.width - wide_m * scale / 2)
        return Thing(
            depth_m, left, max(round(bottom - tall_m * scale), 0), left + max(round(wide_m * scale), 1), round(bottom)
        )


def backdrop(place: Place, lens: Lens, seed: int) -> tuple[Array, Array]:
    """The place without people: visible (height, width, 3) and infrared (height, width) reflectance, float32."""
    rng = np.random.default_rng([seed, place.number, 17])
    width, height = lens.width, lens.height
    floor, unit = round(lens.row(WALL_M)), lens.scale(WALL_M)
    visible, infrared = Image.new("RGB", (width, height), _ints(place.wall)), Image.new("L", (width, height))
    colours, tones = ImageDraw.Draw(visible), ImageDraw.Draw(infrared)
    tones.rectangle((0, 0, width, floor), fill=_int(place.wall_infrared))

    def rectangle(box: tuple[float, float, float, float], colour: Colour, tone: float) -> None:
        colours.rectangle(box, fill=_ints(colour))
        tones.rectangle(box, fill=_int(tone))

    def varied(colour: Colour, spread: float) -> Colour:
        r, g, b = (float(v) for v in np.asarray(colour) * rng.uniform(1 - spread, 1 + spread))
        return r, g, b

    for _ in range(18):  # doors, windows, posters and boards
        left, top = float(rng.uniform(-0.05, 1)) * width, float(rng.uniform(-0.1, 0.9)) * floor
        box = left, top, left + float(rng.uniform(0.5, 3)) * unit, min(top + float(rng.uniform(0.4, 2.2)) * unit, floor)
        rectangle(box, varied(place.wall, 0.45), float(rng.uniform(0.3, 0.75)))
    rectangle((0, floor, width, height), place.ground, place.ground_infrared)
    for depth in np.arange(4.0, WALL_M):  # slabs of the ground
        row = lens.row(depth)
        rectangle((0, row, width, row + 1), varied(place.ground, 0.12), place.ground_infrared * 0.9)
    for x in np.arange(-12.0, 13.0, 1.5):
        ends = (lens.column(x, WALL_M), floor, lens.column(x, 3.0), lens.row(3.0))
        colours.line(ends, fill=_ints(varied(place.ground, 0.12)))
        tones.line(ends, fill=_int(place.ground_infrared * 0.9))
    for thing in lens.things():
        rectangle(
            (*thing[1:3], thing.right - 1, thing.bottom - 1), varied(place.wall, 0.6), float(rng.uniform(0.3, 0.7))
        )
    soft = ImageFilter.GaussianBlur(height / 600)
    grain = rng.normal(0, 0.012, (height, width)).astype(np.float32)
    seen, lit = (np.asarray(image.filter(soft), np.float32) / 255 for image in (visible, infrared))
    return np.maximum(seen**2 + grain[..., None] * 0.5, 0), np.maximum(lit + grain, 0)


def _ints(colour: Colour) -> tuple[int, int, int]:
    r, g, b = (_int(float(np.clip(value, 0, 1)) ** 0.5) for value in colour)
    return r, g, b


def _int(value: float) -> int:
    return int(255 * value)
