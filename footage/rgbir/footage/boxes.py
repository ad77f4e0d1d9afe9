"""Arithmetic of boxes: left, top, right, bottom in pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32] | NDArray[np.float64]


def overlaps(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """Intersection over union of each pair: (n, 4) and (m, 4) give (n, m), in 0..1."""
    a, b = first.astype(np.float64)[:, None], second.astype(np.float64)[None]
    shared = _sides(np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:]))
    together = areas(first)[:, None] + areas(second)[None] - shared
    return np.divide(shared, together, out=np.zeros_like(shared), where=together > 0)


def areas(boxes: Boxes) -> NDArray[np.float64]:
    """(n, 4) gives (n,), square pixels."""
    wide = boxes.astype(np.float64)
    return _sides(wide[:, :2], wide[:, 2:])


def covered(boxes: Boxes) -> NDArray[np.float64]:
    """The share of each box that the others of the same frame, taken one by one, cover at most: (n, 4) gives (n,), in 0..1."""
    if len(boxes) < 2:
        return np.zeros(len(boxes))
    a, b = boxes.astype(np.float64)[:, None], boxes.astype(np.float64)[None]
    shared = _sides(np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:]))
    np.fill_diagonal(shared, 0)
    whole = np.maximum(areas(boxes), 1e-9)
    return np.asarray((shared / whole[:, None]).max(axis=1))


def shares_inside(boxes: Boxes, others: Boxes) -> NDArray[np.float64]:
    """The share of each box that lies in each of the others: (n, 4) and (m, 4) give (n, m), in 0..1."""
    a, b = boxes.astype(np.float64)[:, None], others.astype(np.float64)[None]
    shared = _sides(np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:]))
    return np.asarray(shared / np.maximum(areas(boxes), 1e-9)[:, None])


def _sides(near: NDArray[np.float64], far: NDArray[np.float64]) -> NDArray[np.float64]:
    sides = np.maximum(far - near, 0)
    return np.asarray(sides[..., 0] * sides[..., 1])
