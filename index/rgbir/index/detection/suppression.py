"""One box for one person: of boxes that overlap, the surest stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ious(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of one box with others: (4,) and (n, 4) → float32 (n,), in 0..1.

    A box is left, top, right, bottom. One without an area overlaps nothing.
    """
    if not len(others):
        return np.empty(0, np.float32)
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    common = np.clip(width, 0, None) * np.clip(height, 0, None)
    union = _areas(box[None]) + _areas(others) - common
    shares: NDArray[np.float32] = np.divide(common, union, out=np.zeros(len(others), np.float32), where=union > 0)
    return shares


def _areas(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def suppressed(boxes: NDArray[np.float32], scores: NDArray[np.float32], most_overlap: float | None) -> NDArray[np.intp]:
    """Which boxes stay, the surest first: none of them overlaps a surer one that stays by more than that.

    Args:
        boxes: float32 (n, 4): left, top, right, bottom.
        scores: float32 (n,). Of equal ones the first is the surer.
        most_overlap: the IoU past which one of two boxes goes; None keeps all.

    Returns:
        Their places, (kept,).
    """
    left = np.argsort(-scores, kind="stable")
    if most_overlap is None:
        return left
    kept: list[np.intp] = []
    while len(left):
        surest, left = left[0], left[1:]
        kept.append(surest)
        left = left[ious(boxes[surest], boxes[left]) <= np.float32(most_overlap)]
    return np.array(kept, np.intp)
