"""What stands in front: benches, hedges, bicycles and cars below, pillars and doors at the side, rails across."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rgbir.index.synthetic.drawing2.boxes import Box
from rgbir.index.synthetic.drawing2.canvas import HEIGHT, WIDTH
from rgbir.index.synthetic.drawing2.matter import Matter
from rgbir.index.synthetic.drawing2.pixels import Array
from rgbir.index.synthetic.drawing2.streams import Stream
from rgbir.index.synthetic.drawing2.things import thing

ROWS = np.arange(HEIGHT, dtype=np.float32)[:, None]
COLUMNS = np.arange(WIDTH, dtype=np.float32)[None, :]


class Occluder(NamedTuple):
    """A thing in front.

    Attributes:
        mask: float32 (rows, columns), 1 where it is.
        matter: what it is made of.
        nearness: its distance from the camera as a share of the person's.
    """

    mask: Array
    matter: Matter
    nearness: float


def occluder(stream: Stream, box: Box) -> Occluder:
    """Something in front of the person whose box it is."""
    draw: Callable[[Stream, Box], tuple[Array, str]] = stream.one_of(((_low, 60), (_side, 25), (_bar, 15)))
    mask, kind = draw(stream, box)
    return Occluder(mask, thing(kind, stream), stream.between(0.60, 0.92))


def _between(values: Array, low: float, high: float) -> Array:
    return ((values >= np.float32(low)) & (values < np.float32(high))).astype(np.float32)


def _low(stream: Stream, box: Box) -> tuple[Array, str]:
    top = box.bottom - stream.between(0.08, 0.38) * box.height
    tall = box.bottom - top
    kind = stream.one_of((("bench", 3), ("hedge", 3), ("bicycle", 2), ("bonnet", 2)))
    middle = (box.left + box.right) / 2 + stream.between(-0.3, 0.3) * box.width
    if kind == "bench":
        seat = _between(ROWS, top, top + 0.35 * tall) * _between(
            COLUMNS, middle - 1.1 * box.width, middle + 1.1 * box.width
        )
        phase = COLUMNS * np.float32(1 / (0.6 * box.width))
        legs = _between(phase - np.floor(phase), 0.0, 0.12) * _between(ROWS, top, box.bottom + 8)
        return np.maximum(seat, legs), stream.one_of((("wood", 2), ("metal", 1)))
    if kind == "hedge":
        ragged = stream.normals(WIDTH // 4 + 1)[np.arange(WIDTH) // 4] * np.float32(0.06 * tall + 1)
        return (np.float32(top) + ragged[None, :] <= ROWS).astype(np.float32), "hedge"
    if kind == "bicycle":
        return _bicycle(top, tall, middle), "metal"
    across = (COLUMNS - np.float32(middle)) * np.float32(1 / (1.5 * box.width))
    return (np.float32(top) + across * across * np.float32(tall) <= ROWS).astype(np.float32), "metal"


def _bicycle(top: float, tall: float, middle: float) -> Array:
    radius = tall * 0.45
    mask = _between(ROWS, top, top + 0.12 * tall) * _between(COLUMNS, middle - 1.3 * radius, middle + 1.3 * radius)
    for side in (-1, 1):
        down, across = ROWS - np.float32(top + tall - radius), COLUMNS - np.float32(middle + side * 1.5 * radius)
        away = np.sqrt(down * down + across * across)
        mask = np.maximum(mask, _between(away, 0.82 * radius, radius))
        slope = np.abs(across + down * np.float32(side * 0.6)) < np.float32(0.10 * radius)
        mask = np.maximum(mask, slope.astype(np.float32) * _between(ROWS, top, top + tall - radius))
    return mask


def _side(stream: Stream, box: Box) -> tuple[Array, str]:
    wide = stream.between(0.12, 0.35) * box.width
    kind = stream.one_of((("concrete", 2), ("wood", 2), ("metal", 1)))
    thick = stream.between(0.5, 1.5) * box.width
    if stream.yes(0.5):
        mask = _between(COLUMNS, box.left + wide - thick, box.left + wide)
    else:
        mask = _between(COLUMNS, box.right - wide, box.right - wide + thick)
    return mask * np.ones((HEIGHT, 1), np.float32), kind


def _bar(stream: Stream, box: Box) -> tuple[Array, str]:
    thick, place = stream.between(0.05, 0.12) * box.height, stream.between(0.35, 0.75)
    middle = box.top + place * box.height
    rail = _between(ROWS, middle - thick / 2, middle + thick / 2) * np.ones((1, WIDTH), np.float32)
    post_at = box.left + stream.between(-0.2, 1.2) * box.width
    post = _between(COLUMNS, post_at, post_at + 0.06 * box.width) * _between(ROWS, middle, box.bottom)
    return np.maximum(rail, post), "metal"
