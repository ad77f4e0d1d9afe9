"""Cubic resampling to a fixed size, for cameras whose pictures are all of one."""

from __future__ import annotations

import numpy as np

from rgbir.index.synthetic.drawing2.pixels import Array


def cubic(values: Array, rows: int, columns: int) -> Array:
    """The picture (channels, h, w) in another size, by Catmull and Rom's cubic of the four nearest pixels."""
    return _along(_along(values, rows, 1), columns, 2)


def _along(values: Array, size: int, axis: int) -> Array:
    last = values.shape[axis] - 1
    places = [(i + 0.5) * (last + 1) / size - 0.5 for i in range(size)]
    begins = [int(place + 1) - 1 for place in places]
    shape = [1, 1, 1]
    shape[axis] = size
    t = np.array([place - begin for place, begin in zip(places, begins, strict=True)], np.float32).reshape(shape)
    a, b, c, d = (
        np.take(values, [min(max(begin + step, 0), last) for begin in begins], axis=axis) for step in (-1, 0, 1, 2)
    )
    linear = (c - a) * np.float32(0.5)
    square = a - b * np.float32(2.5) + c * np.float32(2) - d * np.float32(0.5)
    third = (d - a) * np.float32(0.5) + (b - c) * np.float32(1.5)
    whole = third * t + square
    whole = whole * t + linear
    return np.asarray(whole * t + b, np.float32)
