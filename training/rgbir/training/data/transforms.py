"""From decoded images to the network's input (methods.md 1.3, 1.4)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rgbir.training.recipe import Augmentation

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def normalise(images: Tensor) -> Tensor:
    """uint8 (n, height, width, 3), RGB → float32 (n, 3, height, width), (x/255 - mean)/std a channel.

    The memory stays in the order of the pixels (channels last), which convolutions like best.
    """
    mean = torch.tensor(MEAN, device=images.device) * 255
    std = torch.tensor(STD, device=images.device) * 255
    return ((images.float() - mean) / std).permute(0, 3, 1, 2)


LARGER = 1.125
"""How much larger than the network's input an image is that `aug-shift` cuts a window from."""


def window(image: NDArray[np.uint8], height: int, width: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """That much of a larger image, at a uniform place: uint8 (H, W, 3) → uint8 (height, width, 3), a view."""
    top, left = (
        int(rng.integers(0, have - want + 1)) for have, want in zip(image.shape, (height, width), strict=False)
    )
    return image[top : top + height, left : left + width]


def augmented(images: NDArray[np.uint8], augment: Augmentation, rng: np.random.Generator) -> Tensor:
    """Each image on its own: flip, mix, zero-pad and crop, normalise, erase. uint8 (n, h, w, 3) → float32 (n, 3, h, w)."""
    moved = np.stack(
        [_cropped(_mixed(_flipped(image, augment, rng), augment, rng), augment.padcrop, rng) for image in images]
    )
    tensor = normalise(torch.from_numpy(moved))
    for image in tensor:
        if rng.random() < augment.erasing:
            erase(image, rng, MEAN if augment.erasing_fill == "pixel_mean" else (0.0, 0.0, 0.0))
    return tensor


def _flipped(image: NDArray[np.uint8], augment: Augmentation, rng: np.random.Generator) -> NDArray[np.uint8]:
    return image[:, ::-1] if rng.random() < augment.flip else image


def _mixed(image: NDArray[np.uint8], augment: Augmentation, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A random linear mix of the channels, stretched to the range of the image; dark and bright may change places."""
    if not augment.mix or rng.random() >= augment.mix:
        return image
    grey = image.astype(np.float32) @ rng.standard_normal(3).astype(np.float32)
    low, high = float(grey.min()), float(grey.max())
    stretched = (grey - low) * (float(np.ptp(image)) / max(high - low, 1e-6)) + float(image.min())
    return np.repeat(stretched.astype(np.uint8)[..., None], 3, axis=2)


def _cropped(image: NDArray[np.uint8], pad: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Shifts by -pad..pad in both directions; what comes in is black."""
    if not pad:
        return image
    height, width, _ = image.shape
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)))
    top, left = rng.integers(0, 2 * pad + 1, 2)
    return padded[top : top + height, left : left + width]


def erase(image: Tensor, rng: np.random.Generator, fill: tuple[float, float, float]) -> None:
    """Overwrites a random rectangle of 2 to 40 % of the area, in place; float32 (3, h, w), normalised.

    The released code draws the aspect uniformly, not log-uniformly, and writes its constants after normalisation.

    Source: Zhong et al., "Random Erasing Data Augmentation", AAAI 2020.
    """
    _, height, width = image.shape
    for _ in range(100):
        area = rng.uniform(0.02, 0.4) * height * width
        aspect = rng.uniform(0.3, 1 / 0.3)
        h, w = round(float(np.sqrt(area * aspect))), round(float(np.sqrt(area / aspect)))
        if h < height and w < width:
            top, left = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
            image[:, top : top + h, left : left + w] = torch.tensor(fill)[:, None, None]
            return
