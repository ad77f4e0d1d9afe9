"""LOMO: the largest count of each colour and each texture in any window of a row of windows, at three scales.

Source: Liao, Hu, Zhu, Li, "Person Re-identification by Local Maximal Occurrence Representation and Metric Learning",
CVPR 2015, and its code. Its Retinex step was released as a binary only: `rgbir.training.handmade.retinex` has another.
"""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.training.handmade.colours import BINS, colour_code, grey_of, hsv_eighths
from rgbir.training.handmade.recipe import LomoSettings
from rgbir.training.handmade.retinex import multi_scale
from rgbir.training.layers import unit

SCALES, STEP = 3, 5
"""Windows are two steps high and wide, one step apart."""
RADII = (3, 5)
TAU = 0.3
TEXTURES, COLOURS = 81, BINS**3


class Lomo(nn.Module):
    """uint8 (n, 128, 48, 3) → (n, 26960): colours, then textures of two radii, each part of length 1."""

    precision: Tensor

    def __init__(self, settings: LomoSettings) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("precision", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        pixels = images.to(self.precision.dtype)
        grey = grey_of(pixels)
        if self.settings.input == "grey":
            pixels = grey[..., None].expand(*grey.shape, 3)
        if self.settings.retinex == "msr":
            pixels = torch.from_numpy(multi_scale(pixels.numpy())).to(pixels)
        return torch.cat([_colours(pixels), *(_textures(grey, radius) for radius in RADII)], dim=1)


def siltp(grey: Tensor, radius: int, tau: float = TAU) -> Tensor:
    """The texture of each pixel, 0..80: what its right, upper, left and lower neighbours are beside it.

    A neighbour below (1 - tau) times the pixel counts 1, one above (1 + tau) times counts 2; the four are digits of a number
    to the base 3, the first the lowest. Comparisons are of whole numbers where `grey` has them, so that none is rounded.

    Args:
        grey: (n, height, width).
        radius: distance of the neighbours in pixels; the border is repeated outwards.
    """
    share = Fraction(tau).limit_denominator(1000)
    below, above = share.denominator - share.numerator, share.denominator + share.numerator
    height, width = grey.shape[1:]
    wide = F.pad(grey[:, None], (radius,) * 4, mode="replicate")[:, 0]
    corners = ((radius, 2 * radius), (0, radius), (radius, 0), (2 * radius, radius))
    near = torch.stack([wide[:, top : top + height, left : left + width] for top, left in corners], dim=-1)
    near, here = share.denominator * near, grey[..., None]
    digits = (near < below * here).to(grey.dtype) + 2 * (near > above * here).to(grey.dtype)
    return digits @ torch.tensor([1, 3, 9, 27], dtype=grey.dtype)


def _colours(pixels: Tensor) -> Tensor:
    eighths, parts = hsv_eighths(pixels), []
    for scale in range(SCALES):
        if scale:
            eighths = torch.floor(F.avg_pool2d(eighths, 2))
        parts.append(_largest_counts(colour_code(eighths), COLOURS))
    return _ready(parts)


def _textures(grey: Tensor, radius: int) -> Tensor:
    parts = []
    for scale in range(SCALES):
        if scale:
            grey = F.avg_pool2d(grey[:, None], 2)[:, 0]
        parts.append(_largest_counts(siltp(grey, radius), TEXTURES))
    return _ready(parts)


def _largest_counts(codes: Tensor, bins: int) -> Tensor:
    """Of each row of windows and each code, its count in the window that has most: (n, height, width) → (n, rows, bins)."""
    rows, columns = codes.shape[1] // STEP, codes.shape[2] // STEP
    tiles = codes[:, : rows * STEP, : columns * STEP].unflatten(2, (columns, STEP)).unflatten(1, (rows, STEP))
    tiles = tiles.permute(0, 1, 3, 2, 4).flatten(3).flatten(1, 2).long()
    counts = torch.zeros(tiles.shape[0], rows * columns, bins, dtype=codes.dtype, device=codes.device)
    counts = counts.scatter_add(2, tiles, torch.ones_like(tiles, dtype=codes.dtype)).unflatten(1, (rows, columns))
    counts = counts[:, 1:] + counts[:, :-1]
    return (counts[:, :, 1:] + counts[:, :, :-1]).amax(dim=2)


def _ready(parts: list[Tensor]) -> Tensor:
    return unit(torch.log1p(torch.cat(parts, dim=1)).flatten(1))
