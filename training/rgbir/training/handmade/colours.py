"""Colours of pixels in whole numbers, so that every machine puts a pixel into the same bin.

Quotients of whole numbers below 2²⁴ are rounded down alike in float32 and float64.
"""

from __future__ import annotations

import torch
from torch import Tensor

TOP = 255
BINS = 8
"""Of each channel of a colour."""


def grey_of(images: Tensor) -> Tensor:
    """MATLAB's grey of whole numbers 0..255, rounded: (n, height, width, 3), RGB → (n, height, width)."""
    red, green, blue = images.unbind(-1)
    return torch.floor((2989 * red + 5870 * green + 1140 * blue + 5000) / 10_000)


def hsv_eighths(images: Tensor) -> Tensor:
    """Hue, saturation and value of RGB in 0..255, each in eighths 0..7: (n, height, width, 3) → (n, 3, height, width)."""
    red, green, blue = images.unbind(-1)
    high, low = images.amax(dim=-1), images.amin(dim=-1)
    spread = high - low
    sixths = torch.where(high == red, green - blue, torch.where(high == green, blue - red, red - green))
    sixths = sixths + spread * torch.where(high == red, 6 * (sixths < 0), torch.where(high == green, 2, 4))
    hue = torch.where(spread > 0, BINS * sixths / (6 * spread.clamp(min=1e-12)), 0)
    saturation = torch.where(high > 0, BINS * spread / high.clamp(min=1e-12), 0)
    channels = torch.stack([hue, saturation, BINS * high / TOP], dim=1)
    return torch.floor(channels).clamp(max=BINS - 1)


def colour_code(eighths: Tensor) -> Tensor:
    """One of 512 bins for hue, saturation and value in eighths: (n, 3, height, width) → (n, height, width)."""
    hue, saturation, value = eighths.unbind(1)
    return BINS * BINS * value + BINS * saturation + hue


def hsv_code(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """The bin of a colour whose channels are in 0..1: three of any shape (...) → (...)."""
    channels = torch.stack([hue, saturation, value])[None, :, None]
    return colour_code(torch.floor(BINS * channels).clamp(max=BINS - 1))[0, 0]
