"""Surfaces of a body: matter, and other matter over it where a mask of azimuth and metres says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.synthetic.drawing2.matter import Cloth, Matter, Pattern
from rgbir.index.synthetic.drawing2.pixels import Array
from rgbir.index.synthetic.drawing2.tables import PI

Mask = Callable[[Array, Array], Array]
"""(azimuth in radians, metres from the part's top) → how much of what lies above shows, 0 to 1."""


class Layer(NamedTuple):
    """Matter over what is below it.

    Attributes:
        mask: how much of it shows where.
        matter: what it is.
    """

    mask: Mask
    matter: Matter


class Surface(NamedTuple):
    """Matter, and layers over it.

    Attributes:
        ground: what is below.
        layers: the later over the earlier.
    """

    ground: Matter
    layers: tuple[Layer, ...] = ()

    def under(self, mask: Mask, above: Surface) -> Surface:
        """This surface, with another one above it where the mask holds."""
        first = Layer(mask, above.ground)
        rest = tuple(Layer(_both(mask, layer.mask), layer.matter) for layer in above.layers)
        return Surface(self.ground, (*self.layers, first, *rest))


def _both(a: Mask, b: Mask) -> Mask:
    return lambda azimuth, metres: a(azimuth, metres) * b(azimuth, metres)


def _share(mask: NDArray[np.bool_]) -> Array:
    return mask.astype(np.float32)


def within(array: Array, low: float, high: float) -> Array:
    """1 where a value lies between the two, else 0."""
    return _share((array > np.float32(low)) & (array < np.float32(high)))


def _lines(values: Array, period: float, wide: float) -> Array:
    """1 on lines that come every `period` and are `wide`."""
    turns = values * np.float32(1 / period)
    return _share(turns - np.floor(turns) < np.float32(wide / period))


_ROUND = 0.16
"""Metres around the body in a radian, for patterns."""
_MASKS: dict[Pattern, Callable[[Array, Array, float], Array]] = {
    "hoops": lambda a, m, period: _lines(m, period, 0.45 * period),
    "pinstripes": lambda a, m, period: _lines(a * np.float32(_ROUND), period * 0.5, 0.16 * period),
    "plaid": lambda a, m, period: (
        np.float32(0.5) * _lines(m, period, 0.4 * period)
        + np.float32(0.5) * _lines(a * np.float32(_ROUND), period, 0.4 * period)
    ),
    "print": lambda a, m, period: _share(_disc(a, m) < np.float32(1)),
    "yoke": lambda a, m, period: _share(m < np.float32(0.17)),
    "side_panels": lambda a, m, period: _share(np.abs(np.abs(a) - np.float32(PI / 2)) < np.float32(0.38)),
    "hem": lambda a, m, period: within(m, 0.40, 0.45 + 0.5 * period),
}


def _disc(azimuth: Array, metres: Array) -> Array:
    across, down = azimuth * np.float32(1 / 0.75), (metres - np.float32(0.2)) * np.float32(1 / 0.11)
    return across * across + down * down


def plain(matter: Matter) -> Surface:
    """Nothing but that."""
    return Surface(matter)


def fabric(cloth: Cloth, chest: bool = False, start_m: float = 0.0) -> Surface:
    """The cloth with its pattern, which begins `start_m` above the part; a print shows on the chest alone."""
    if cloth.pattern == "plain" or (cloth.pattern == "print" and not chest):
        return Surface(cloth.ground)
    mask, period = _MASKS[cloth.pattern], cloth.period_m
    begun = np.float32(start_m)
    return Surface(cloth.ground, (Layer(lambda a, m: mask(a, m + begun, period), cloth.accent),))
