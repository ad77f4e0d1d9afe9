"""The places without people: wide pictures of walls, floors and plants, of which a picture shows a part."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from rgbir.index.synthetic.drawing2.cameras import Scene
from rgbir.index.synthetic.drawing2.canvas import HEIGHT, WIDTH
from rgbir.index.synthetic.drawing2.matter import Matter
from rgbir.index.synthetic.drawing2.pixels import Array, soft
from rgbir.index.synthetic.drawing2.streams import Key, Stream
from rgbir.index.synthetic.drawing2.things import thing

WIDE = 6 * WIDTH
MUTED = 0.4
"""How much of its own colour a thing of a place has; the rest is the place's."""
_THINGS: dict[Scene, tuple[tuple[str, int], ...]] = {
    "room": (("wood", 3), ("plaster", 4), ("paper", 2), ("metal", 2), ("glass", 1)),
    "gate": (("concrete", 4), ("metal", 3), ("glass", 1), ("wood", 1)),
    "garden": (("leaf", 6), ("hedge", 3), ("wood", 1), ("concrete", 1)),
    "passage": (("concrete", 4), ("metal", 3), ("wood", 1)),
}
_BASE: dict[Scene, tuple[str, str]] = {
    "room": ("plaster", "floor"), "gate": ("concrete", "tarmac"), "garden": ("hedge", "concrete"),
    "passage": ("concrete", "tarmac"),
}  # fmt: skip


class Wall(NamedTuple):
    """A place without people.

    Attributes:
        colour: float32 (3, `HEIGHT`, `WIDE`), reflectance in linear light.
        near: float32 (1, `HEIGHT`, `WIDE`), reflectance in near infrared.
        horizon: the row where the floor begins.
    """

    colour: Array
    near: Array
    horizon: int


@lru_cache(maxsize=16)
def wall(seed: int, scene: Scene, place: int) -> Wall:
    """The place of that number in the world of that seed."""
    stream = Key(seed, 0, place).stream("wall")
    back, ground = (thing(kind, stream, 0.15) for kind in _BASE[scene])
    planes = np.zeros((4, HEIGHT, WIDE), np.float32)
    horizon = int(HEIGHT * stream.between(0.50, 0.64))
    _rectangle(planes, back, 0, 0, WIDE, horizon)
    _rectangle(planes, ground, 0, horizon, WIDE, HEIGHT)
    for _ in range(40):
        kind = stream.one_of(_THINGS[scene])
        matter = _muted(thing(kind, stream, 0.5), back)
        x, wide = stream.below(WIDE), 12 + stream.below(120)
        if kind in ("leaf", "hedge"):
            _ellipse(planes, matter, x, 40 + stream.below(horizon), 10 + stream.below(44))
            continue
        top = stream.below(horizon * 3 // 4)
        bottom = min(top + 20 + stream.below(horizon), horizon + (stream.below(50) if scene == "room" else 0))
        _rectangle(planes, matter, x, top, x + wide, bottom)
    if scene in ("gate", "passage"):
        bars = thing("metal", stream)
        for x in range(0, WIDE, 34 if scene == "gate" else 74):
            _rectangle(planes, bars, x, 28, x + 3, horizon)
    planes = soft(planes, 1) * (1 + np.float32(0.03) * _grain(stream))
    return Wall(planes[:3], planes[3:], horizon)


def part_of(wide: Array, shift: int) -> Array:
    """`WIDTH` columns of a wall, from some column on; the wall is walked to and fro."""
    room = WIDE - WIDTH
    place = shift % (2 * room)
    place = 2 * room - place if place > room else place
    return wide[..., place : place + WIDTH]


def _muted(matter: Matter, back: Matter) -> Matter:
    """A thing of a place is much as the place is."""
    red, green, blue = (MUTED * a + (1 - MUTED) * b for a, b in zip(matter.colour, back.colour, strict=True))
    near = MUTED * matter.near[0] + (1 - MUTED) * back.near[0]
    return replace(matter, colour=(red, green, blue), near=(near, near))


def _grain(stream: Stream) -> Array:
    return stream.normals(HEIGHT * WIDE).reshape(HEIGHT, WIDE)


def _fill(planes: Array, matter: Matter) -> Array:
    return np.array([*matter.colour, matter.near[0]], np.float32).reshape(4, 1, 1)


def _rectangle(planes: Array, matter: Matter, left: int, top: int, right: int, bottom: int) -> None:
    planes[:, top:bottom, left:right] = _fill(planes, matter)


def _ellipse(planes: Array, matter: Matter, x: int, y: int, radius: int) -> None:
    rows, columns = slice(max(y - radius, 0), y + radius), slice(max(x - radius, 0), x + radius)
    region = planes[:, rows, columns]
    down = (np.arange(region.shape[1]) + (rows.start - y)).astype(np.float32)[:, None]
    across = (np.arange(region.shape[2]) + (columns.start - x)).astype(np.float32)[None, :]
    inside = down * down + across * across < np.float32(radius * radius)
    planes[:, rows, columns] = np.where(inside, _fill(planes, matter), region)
