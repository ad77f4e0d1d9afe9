"""What clothes look like: fabrics with their patterns, and one surface over another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.synthetic.drawing1.people import Cloth, Colour, Pattern

Array = NDArray[np.float32]
Surface = Callable[[Array, Array], tuple[Array, Array]]
"""(azimuth, metres from the part's top) → reflectance in the visible (…, 3) and in the infrared (…)."""

_ACCENTS: dict[Pattern, Callable[[Array, Array, float], NDArray[Any]]] = {
    "hoops": lambda a, m, period: np.mod(m, period) < 0.45 * period,
    "pinstripes": lambda a, m, period: np.mod(a * 0.16, period * 0.5) < 0.16 * period,
    "plaid": lambda a, m, period: (
        0.5 * (np.mod(m, period) < 0.4 * period) + 0.5 * (np.mod(a * 0.16, period) < 0.4 * period)
    ),
    "print": lambda a, m, period: (a / 0.75) ** 2 + ((m - 0.2) / 0.11) ** 2 < 1,
    "yoke": lambda a, m, period: m < 0.17,
    "side_panels": lambda a, m, period: np.abs(np.abs(a) - np.pi / 2) < 0.38,
    "hem": lambda a, m, period: (m > 0.40) & (m < 0.40 + 0.5 * period + 0.05),
}
"""How much of the accent shows, 0..1, by azimuth, metres and the pattern's period in metres; a plain cloth has none."""


def plain(colour: Colour, infrared: float) -> Surface:
    def surface(azimuth: Array, metres: Array) -> tuple[Array, Array]:
        visible = np.broadcast_to(np.asarray(colour, np.float32), (*azimuth.shape, 3))
        return visible, np.full(azimuth.shape, infrared, np.float32)

    return surface


def fabric(cloth: Cloth, chest: bool = False, start_m: float = 0.0) -> Surface:
    """The cloth with its pattern, which begins `start_m` above the part; a print shows on the chest alone."""

    def surface(azimuth: Array, metres: Array) -> tuple[Array, Array]:
        share = np.zeros(azimuth.shape, np.float32)
        if cloth.pattern in _ACCENTS and (chest or cloth.pattern != "print"):
            share = np.asarray(_ACCENTS[cloth.pattern](azimuth, metres + start_m, cloth.period_m), np.float32)
        base, accent = np.asarray(cloth.colour, np.float32), np.asarray(cloth.accent, np.float32)
        infrared = cloth.infrared + share * np.float32(cloth.infrared_accent - cloth.infrared)
        return base + share[..., None] * (accent - base), infrared

    return surface


def over(under: Surface, mask: Callable[[Array, Array], NDArray[np.bool_]], above: Surface) -> Surface:
    """The surface above where the mask of azimuth and metres, both (n,), holds; the one under it elsewhere."""

    def surface(azimuth: Array, metres: Array) -> tuple[Array, Array]:
        visible, infrared = under(azimuth, metres)
        new_visible, new_infrared = above(azimuth, metres)
        where = mask(azimuth, metres)
        return np.where(where[..., None], new_visible, visible), np.where(where, new_infrared, infrared)

    return surface
