"""Functions by table: computed one value at a time by `math`, and rounded to 15 bits, so that every machine has the same.

This is the only module that calls the C library's functions. The test holds that no value lies so near a half of a step
that another C library could round it to the other side.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
STEPS = 32_768
"""Of 1, in every table."""
TURN = 4_096
"""Angles a turn."""
PI = 3.141592653589793
_ENTRIES, _ARCS = 4_096, 2_048
_KNEE_FROM, _KNEE_TO = 0.75, 4.75
EXACT: dict[str, Callable[[], list[float]]] = {
    "cosine": lambda: [math.cos(2 * math.pi * i / TURN) for i in range(TURN)],
    "arcsine": lambda: [math.asin(2 * i / (_ARCS - 1) - 1) / (math.pi / 2) for i in range(_ARCS)],
    "power": lambda: [2 ** (i / _ENTRIES) for i in range(_ENTRIES)],
    "logarithm": lambda: [math.log2(0.5 + 0.5 * i / _ENTRIES) for i in range(_ENTRIES + 1)],
    "display": lambda: [(i / (_ENTRIES - 1)) ** (2 / 2.1) for i in range(_ENTRIES)],
    "lamp": lambda: [0.05 + 0.92 * (i / (_ENTRIES - 1)) ** 1.5 for i in range(_ENTRIES)],
    "knee": lambda: [
        0.75 + 0.25 * (1 - math.exp(-((_KNEE_TO - _KNEE_FROM) * i / (_ENTRIES - 1)) / 0.25)) for i in range(_ENTRIES)
    ],
}
"""Each table before it is rounded."""
ROUNDED: dict[str, list[int]] = {name: [round(value * STEPS) for value in exact()] for name, exact in EXACT.items()}
_COSINE, _POWER, _LOGARITHM = ([value / STEPS for value in ROUNDED[name]] for name in ("cosine", "power", "logarithm"))
_ARCSINE = np.array([value * (PI / 2 / STEPS) for value in ROUNDED["arcsine"]], np.float32)
_CURVES = {name: np.array(ROUNDED[name], np.float32) / np.float32(STEPS) for name in ("display", "lamp", "knee")}


def cosine(angle: float) -> float:
    """Of an angle in radians, by the nearest of 4,096."""
    return _COSINE[math.floor(angle * (TURN / 2 / PI) + 0.5) % TURN]


def sine(angle: float) -> float:
    """As `cosine`."""
    return _COSINE[(math.floor(angle * (TURN / 2 / PI) + 0.5) - TURN // 4) % TURN]


def exponential(x: float) -> float:
    """e to the power of x, within 1 in 6,000."""
    return power_of_two(x * 1.4426950408889634)


def power_of_two(x: float) -> float:
    """2 to the power of x, as `exponential`."""
    whole = math.floor(x)
    return math.ldexp(_POWER[math.floor((x - whole) * _ENTRIES)], whole)


def logarithm_of_two(x: float) -> float:
    """The power of 2 that x > 0 is, within 0.0002."""
    mantissa, power = math.frexp(x)
    return power + _LOGARITHM[math.floor((mantissa - 0.5) * 2 * _ENTRIES + 0.5)]


def arcsine(values: Array) -> Array:
    """Radians of float32 values in -1..1."""
    return _ARCSINE[(values * np.float32(1023.5) + np.float32(1024.0)).astype(np.int32)]


def curve(name: str, light: Array) -> Array:
    """A transfer curve, `display` or `lamp`, of linear light; what lies outside 0..1 becomes 0 or 1 first."""
    root = np.sqrt(np.minimum(np.maximum(light, np.float32(0)), np.float32(1)))
    return _CURVES[name][(root * np.float32(_ENTRIES - 1) + np.float32(0.5)).astype(np.int32)]


def knee(light: Array) -> Array:
    """Straight to 0.75, then soft to 1."""
    above = np.minimum(np.maximum(light - np.float32(_KNEE_FROM), np.float32(0)), np.float32(_KNEE_TO - _KNEE_FROM))
    places = (above * np.float32((_ENTRIES - 1) / (_KNEE_TO - _KNEE_FROM)) + np.float32(0.5)).astype(np.int32)
    return np.where(light < np.float32(_KNEE_FROM), light, _CURVES["knee"][places])
