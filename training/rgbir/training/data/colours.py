"""What is done to the colours of an image (beyond.md 1.1, 12.2)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from rgbir.training.device import constants, sent

PICKS = ("r", "g", "b")
GREY = 3
"""The number of luminance, after those of the three channels."""
WEIGHTS = (0.2989, 0.5870, 0.1140)

Op = Literal["r", "g", "b", "grey"]


def caj_channel(image: Tensor, op: Op) -> Tensor:
    """One channel, or the luminance, in all three; of images that are normalised already.

    float (…, 3, h, w) → the same shape.

    Source: Ye et al., "Channel Augmented Joint Learning for Visible-Infrared Recognition", ICCV 2021.
    """
    if op == "grey":
        weights = constants(WEIGHTS, image.device, image.dtype)[:, None, None]
        value = (image * weights).sum(-3, keepdim=True)
    else:
        value = image.narrow(-3, PICKS.index(op), 1)
    return value.expand_as(image)


def channel_scale(image: Tensor, factors: Tensor) -> Tensor:
    """Each channel times its factor.

    Args:
        image: float (…, 3, h, w).
        factors: float (…, 3).

    Returns:
        The same shape as the image.
    """
    return image * factors[..., None, None]


def with_channels(images: Tensor, ops: Tensor) -> Tensor:
    """Normalised images, each with its operation; they are changed in place.

    Args:
        images: float (n, 3, h, w).
        ops: int64 (n,), 0, 1, 2 for R, G, B, `GREY`, -1 for nothing; on the processor.
    """
    for number, op in enumerate((*PICKS, "grey")):
        rows = _rows(ops, number, images)
        images[rows] = caj_channel(images[rows], op)  # type: ignore[arg-type]
    return images


def recoloured(images: Tensor, brightness: Tensor, ops: Tensor) -> Tensor:
    """8-bit images, each with its brightness, and then its operation, with Pillow's rounding: down, and its integer luminance.

    Args:
        images: uint8 (n, h, w, 3), RGB.
        brightness: float32 (n,), a factor.
        ops: int64 (n,), as of `with_channels`.

    Returns:
        uint8 (n, h, w, 3).
    """
    images = (images.float() * brightness[:, None, None, None]).clamp_max_(255).to(torch.uint8)
    for number in range(GREY + 1):
        rows = _rows(ops, number, images)
        if number == GREY:
            red, green, blue = images[rows].int().unbind(-1)
            value = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16
        else:
            value = images[rows][..., number].int()
        images[rows] = value.to(torch.uint8)[..., None].expand(-1, -1, -1, 3)
    return images


def _rows(ops: Tensor, number: int, images: Tensor) -> Tensor:
    """Which of the images have that operation, where they are: int64 (m,)."""
    return sent((ops == number).nonzero()[:, 0], images.device)
