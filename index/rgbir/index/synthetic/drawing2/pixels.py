"""Sums over pixels, which are exact: values become whole numbers first, since the order of float sums is the machine's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rgbir.index.synthetic.drawing2.streams import Stream

Array = NDArray[np.float32]
_FINE = 65_536
"""Steps of 1 that values are counted in."""
_PARTS = 256
"""Of a pixel, that edges of a reduction lie on."""


def clipped(values: Array, low: float, high: float) -> Array:
    """The values, but none under `low` or over `high`."""
    return np.minimum(np.maximum(values, np.float32(low)), np.float32(high))


def root(values: Array) -> Array:
    """The square root, which every machine rounds alike."""
    return np.asarray(np.sqrt(values), np.float32)


def level(values: Array) -> float:
    """The mean of all values."""
    whole = (values * np.float32(_FINE)).astype(np.int64)
    return int(np.add.reduce(whole, axis=None)) / (_FINE * values.size)


def count(mask: NDArray[np.bool_]) -> int:
    """How many values of a mask of any shape are True."""
    return int(np.count_nonzero(mask))


def box_blur(values: Array, radius: int, axis: int) -> Array:
    """Each value's mean with `radius` neighbours on either side; at the edge the last value is repeated."""
    if radius < 1:
        return values
    whole = (np.moveaxis(values, axis, -1) * np.float32(_FINE)).astype(np.int64)
    size = whole.shape[-1]
    places = np.minimum(np.maximum(np.arange(-radius - 1, size + radius), 0), size - 1)
    running = np.cumsum(whole[..., places], axis=-1)
    wide = 2 * radius + 1
    blurred = (running[..., wide:] - running[..., :-wide]).astype(np.float32) * np.float32(1.0 / (_FINE * wide))
    return np.moveaxis(blurred, -1, axis)


def soft(values: Array, radius: int) -> Array:
    """Box blurs over rows and columns, the last two axes, twice: nearly a Gaussian."""
    for _ in range(2):
        values = box_blur(box_blur(values, radius, -1), radius, -2)
    return values


def reduced(values: Array, box: tuple[float, float, float, float], height: int, width: int) -> Array:
    """A box of the picture in `height` x `width` pixels, each the mean of what it covers.

    Args:
        values: (channels, rows, columns).
        box: left, top, right, bottom; where it leaves the picture, the edge is repeated.
    """
    left, top, right, bottom = box
    return _reduced(_reduced(values, top, bottom, height, 1), left, right, width, 2)


def _reduced(values: Array, first: float, last: float, size: int, axis: int) -> Array:
    step = (last - first) / size
    edges = np.array([int((first + step * i) * _PARTS + 0x4000_0000) - 0x4000_0000 for i in range(size + 1)], np.int64)
    edges[1:] = np.maximum(edges[1:], edges[:-1] + 1)
    low, high = int(edges[0] // _PARTS), int(edges[-1] // _PARTS) + 1
    places = np.minimum(np.maximum(np.arange(low, high), 0), values.shape[axis] - 1)
    whole = (np.take(values, places, axis=axis) * np.float32(_FINE)).astype(np.int64)
    shape = [1, 1, 1]
    shape[axis] = -1
    cells, parts = edges // _PARTS - low, (edges % _PARTS).reshape(shape)
    running = np.cumsum(whole, axis=axis)
    before = np.take(running, np.maximum(cells - 1, 0), axis=axis) * (cells > 0).reshape(shape)
    at_edge = before * _PARTS + np.take(whole, np.minimum(cells, high - low - 1), axis=axis) * parts
    inside = [slice(None)] * 3
    ahead, behind = inside.copy(), inside.copy()
    ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
    spans = (edges[1:] - edges[:-1]).reshape(shape).astype(np.float32)
    return (at_edge[tuple(ahead)] - at_edge[tuple(behind)]).astype(np.float32) / (spans * np.float32(_FINE))


def grown(stream: Stream, rows: int, columns: int, coarse_rows: int, coarse_columns: int) -> Array:
    """Soft noise of deviation about 0.7: normal numbers on a coarse grid, straight lines between them."""
    down, across = rows // coarse_rows + 2, columns // coarse_columns + 2
    drawn = stream.normals(down * across).reshape(down, across)
    return _stretched(_stretched(drawn, rows, coarse_rows, 0), columns, coarse_columns, 1)


def _stretched(values: Array, size: int, step: int, axis: int) -> Array:
    places = np.arange(size)
    share = (places % step).astype(np.float32) * np.float32(1.0 / step)
    low, high = np.take(values, places // step, axis=axis), np.take(values, places // step + 1, axis=axis)
    return low + (high - low) * (share[:, None] if axis == 0 else share)
