"""The principal axes of more values than a covariance of them would fit into memory."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from rgbir.training.handmade.sides import Floats

COLUMNS = 2048


def principal_axes(values: NDArray[np.float32], most: int) -> tuple[Floats, Floats]:
    """The mean, (d,), and the axes in columns, (d, k), strongest first; axes without any variance are left out.

    Each axis points to where its largest value is positive, so that the same images give the same axes.

    Args:
        values: float32 (n, d), n may be much smaller than d.
        most: k is at most that.
    """
    count, size = values.shape
    mean = values.mean(axis=0, dtype=np.float64)
    blocks = [slice(start, start + COLUMNS) for start in range(0, size, COLUMNS)]
    inner = np.zeros((count, count))
    for block in blocks:
        part = values[:, block] - mean[block]
        inner += part @ part.T
    strongest = (max(0, count - most), count - 1)
    variances, left = scipy.linalg.eigh(inner, subset_by_index=strongest)
    variances, left = variances[::-1], left[:, ::-1]
    kept = variances > 1e-10 * variances[0]
    left = left[:, kept] / np.sqrt(variances[kept])
    axes = np.concatenate([(values[:, block] - mean[block]).T @ left for block in blocks])
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return mean, axes
