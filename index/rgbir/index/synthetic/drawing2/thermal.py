"""Thermal pictures: what is seen is the insulation between skin and surface; dyes and patterns mean nothing.

Values of a canvas are degrees Celsius, since radiance is nearly straight in temperature over this range.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.synthetic.drawing2.canvas import HEIGHT, WIDTH, Canvas, Sense
from rgbir.index.synthetic.drawing2.matter import Matter
from rgbir.index.synthetic.drawing2.passes import Pass
from rgbir.index.synthetic.drawing2.pixels import Array, box_blur, clipped, grown, reduced
from rgbir.index.synthetic.drawing2.scene import Frame
from rgbir.index.synthetic.drawing2.streams import Key, Stream

SKIN_C = 33.0
CLOTH_EMITS, SKIN_EMITS = 0.88, 0.98
NETD_K, COLUMNS_K = 0.06, 0.05
"""Deviations of the noise of pixels and of columns."""
STRAP_K, WARM_K = -1.0, 0.6
"""Of a bag's strap, and of armpits and crotch, against what is around."""
_FINE = 64
"""Steps of a degree that levels are counted in."""
PLATEAU = 0.08
"""The most that one level counts for in the equalisation, as a share of the pixels."""


class Weather(NamedTuple):
    """What a pass is under.

    Attributes:
        air_c: the air, degrees Celsius.
        transfer: from surface to air, W/m2K.
        key: of the pass, for each cloth's offset.
    """

    air_c: float
    transfer: float
    key: Key


def weather(walk: Pass, key: Key, outdoors: bool) -> Weather:
    """Of that pass."""
    wind = key.stream("wind").between(9, 16)
    return Weather(walk.air_c, wind if outdoors else 9.0, key)


def share_of(clo: float, transfer: float) -> float:
    """How much of the difference between skin and air is left on a cloth's surface.

    Source: ISO 7730's factor of the clothed area; 1 clo is 0.155 m2K/W.
    """
    insulates = 0.155 * clo
    larger = 1.00 + 1.29 * insulates if clo <= 0.5 else 1.05 + 0.645 * insulates
    return 1 / (1 + transfer * larger * insulates)


def temperatures(under: Weather) -> Sense:
    """What a thermal sensor has of a matter: how warm it seems, in degrees Celsius."""
    cold = max(0.0, 20.0 - under.air_c)
    seen: dict[Matter, tuple[float, ...]] = {}

    def temperature(matter: Matter) -> float:
        if matter.name == "skin":
            return SKIN_C
        if matter.name == "face":
            return 34.0 - 0.12 * cold
        if matter.name == "hand":
            return 30.0 - 0.25 * cold
        share = share_of(matter.clo, under.transfer) if matter.share is None else matter.share
        offset = under.key.stream(f"offset:{matter.name}").normal(0, 0.5)
        strap = STRAP_K if matter.name == "strap" else 0.0
        return under.air_c + share * (SKIN_C - under.air_c) + offset + strap

    def sense(matter: Matter) -> tuple[float, ...]:
        if matter not in seen:
            emits = SKIN_EMITS if matter.name in ("skin", "face", "hand") else CLOTH_EMITS
            seen[matter] = (emits * temperature(matter) + (1 - emits) * under.air_c,)
        return seen[matter]

    return sense


def warmth(frame: Frame, under: Weather, key: Key, number: int, horizon: int, outdoors: bool) -> Array:
    """How warm each pixel seems: float32 (1, `HEIGHT`, `WIDTH`), degrees Celsius.

    Args:
        key: of the pass.
        number: of the frame.
        horizon: the row where the ground begins.
        outdoors: whether tarmac lies under the person.
    """
    image = _place(under, key, horizon, outdoors)
    creases = grown(key._replace(picture=number).stream("creases"), HEIGHT, WIDTH, 9, 5)
    for figure in frame.figures:
        canvas = figure.canvas
        above = canvas.values[0] - np.float32(under.air_c)
        values = above * (creases * np.float32(0.015) + np.float32(1)) + np.float32(under.air_c)
        image += canvas.coverage * (values - image)
    for column, row in frame.warm:
        image += _mark(frame.main.canvas, column, row, frame.pixels_m)
    if frame.thing is not None:
        degrees = under.air_c + key.stream("thing").between(-1, 2)
        image += frame.thing.mask * (np.float32(degrees) - image)
    return image[None]


def _place(under: Weather, key: Key, horizon: int, outdoors: bool) -> Array:
    stream = key.stream("thermal place")
    back, slope = under.air_c + stream.normal(0, 1), stream.between(-1, 1)
    across = np.arange(WIDTH, dtype=np.float32) * np.float32(slope / WIDTH)
    image = np.zeros((HEIGHT, WIDTH), np.float32) + across[None, :] + np.float32(back)
    image += grown(stream, HEIGHT, WIDTH, 40, 40) * np.float32(0.4)
    if outdoors:
        image[horizon:] += np.float32(4 * stream.unit())
        sky = stream.below(horizon // 2)
        image[:sky] -= np.float32(10)
    return image


def _mark(canvas: Canvas, column: float, row: float, pixels_m: float) -> Array:
    """A warm patch of the person, 8 centimetres wide."""
    down = np.arange(HEIGHT, dtype=np.float32)[:, None] - np.float32(row)
    across = np.arange(WIDTH, dtype=np.float32)[None, :] - np.float32(column)
    radius = 0.08 * pixels_m
    near = np.float32(1) - (down * down + across * across) * np.float32(1 / (radius * radius))
    return np.asarray(np.maximum(near, np.float32(0)) * canvas.coverage * np.float32(WARM_K), np.float32)


def thermal_sensed(image: Array, frame: Frame, rows: int, walk: Key, noise: Stream | None) -> Array:
    """The box of the picture in grey, white is hot: float32 (1, rows, columns), 0 to 1.

    Args:
        image: degrees Celsius.
        rows: of the sensor, on the person.
        walk: of the pass, whose columns have a noise of their own.
        noise: None for a sensor without noise.
    """
    box = frame.box
    columns = max(int(rows * box.width / box.height + 0.5), 16)
    seen = _lens(reduced(image, box, rows, columns))
    if noise is not None:
        seen = seen + noise.normals(rows * columns).reshape(1, rows, columns) * np.float32(NETD_K)
        seen = seen + walk.stream("columns").normals(columns)[None, None, :] * np.float32(COLUMNS_K)
    grey = automatic_gain(seen)
    return clipped(grey + (grey - box_blur(box_blur(grey, 2, 1), 2, 2)) * np.float32(0.6), 0, 1)


def _lens(image: Array) -> Array:
    """A blur of about 0.7 pixels."""
    for axis in (1, 2):
        near = box_blur(image, 1, axis)
        image = image * np.float32(0.26) + near * np.float32(0.74)
    return image


def automatic_gain(degrees: Array) -> Array:
    """Half straight between the 1 % and the 99.5 % point, half equalised with a plateau: 0 to 1."""
    levels = (degrees * np.float32(_FINE)).astype(np.int64)
    first = int(levels.min())
    counts = np.bincount((levels - first).ravel())
    low, high = (first + _point(counts, share) for share in (10, 995))
    span = np.float32(_FINE / max(high - low, 1))
    straight = clipped((degrees - np.float32(low / _FINE)) * span, 0, 1)
    capped = np.minimum(counts, max(int(PLATEAU * degrees.size), 1))
    running = np.cumsum(capped)
    equalised = (running[levels - first] - capped[0]).astype(np.float32) / np.float32(
        max(int(running[-1] - capped[0]), 1)
    )
    return np.asarray((straight + equalised) * np.float32(0.5), np.float32)


def _point(counts: NDArray[np.int64], thousandths: int) -> int:
    """The level up to which so many thousandths of the pixels lie."""
    running = np.cumsum(counts)
    return int(np.searchsorted(running * 1000, int(running[-1]) * thousandths))
