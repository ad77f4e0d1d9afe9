"""A multi-scale Retinex in place of LOMO's, which is not public: light that changes slowly over the image is taken away.

Its percentiles and logarithms round otherwise on other machines, and a pixel at the border of a bin then changes it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

SIGMAS = (5, 20)
CUT = (10, 90)
"""Percentiles that are clipped at."""


def multi_scale(images: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """RGB in 0..255, float (n, height, width, 3), with another intensity and the same ratios of their channels."""
    return np.stack([_of_one(image.astype(np.float64)) for image in images])


def _of_one(image: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = image + 1
    intensity = shifted.mean(axis=2)
    blurred = [gaussian_filter(intensity, sigma, mode="nearest") for sigma in SIGMAS]
    reflected = np.mean([np.log10(intensity) - np.log10(light) for light in blurred], axis=0)
    low, high = np.percentile(reflected, CUT)
    if high - low < 1e-12:  # flat
        return image
    stretched = 1 + 255 * (np.clip(reflected, low, high) - low) / (high - low)
    gain = np.minimum(256 / shifted.max(axis=2), stretched / intensity)
    return np.clip(shifted * gain[..., None] - 1, 0, 255)
