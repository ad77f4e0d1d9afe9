"""The changes of images as they were first written: one image after another, in NumPy, pixels before anything else."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rgbir.training.recipe import Augmentation

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def normalised(images: Tensor) -> Tensor:
    mean, std = torch.tensor(MEAN) * 255, torch.tensor(STD) * 255
    return ((images.float() - mean) / std).permute(0, 3, 1, 2)


def window(image: NDArray[np.uint8], height: int, width: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    top, left = (
        int(rng.integers(0, have - want + 1)) for have, want in zip(image.shape, (height, width), strict=False)
    )
    return image[top : top + height, left : left + width]


def moved(images: NDArray[np.uint8], augment: Augmentation, rng: np.random.Generator) -> NDArray[np.uint8]:
    return np.stack(
        [_cropped(_mixed(_flipped(image, augment, rng), augment, rng), augment.padcrop, rng) for image in images]
    )


def augmented(images: NDArray[np.uint8], augment: Augmentation, rng: np.random.Generator) -> Tensor:
    tensor = normalised(torch.from_numpy(moved(images, augment, rng)))
    for image in tensor:
        if rng.random() < augment.erasing:
            _erase(image, rng, MEAN if augment.erasing_fill == "pixel_mean" else (0.0, 0.0, 0.0))
    return tensor


def _flipped(image: NDArray[np.uint8], augment: Augmentation, rng: np.random.Generator) -> NDArray[np.uint8]:
    return image[:, ::-1] if rng.random() < augment.flip else image


def _mixed(image: NDArray[np.uint8], augment: Augmentation, rng: np.random.Generator) -> NDArray[np.uint8]:
    if not augment.mix or rng.random() >= augment.mix:
        return image
    grey = image.astype(np.float32) @ rng.standard_normal(3).astype(np.float32)
    low, high = float(grey.min()), float(grey.max())
    stretched = (grey - low) * (float(np.ptp(image)) / max(high - low, 1e-6)) + float(image.min())
    return np.repeat(stretched.astype(np.uint8)[..., None], 3, axis=2)


def _cropped(image: NDArray[np.uint8], pad: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    if not pad:
        return image
    height, width, _ = image.shape
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)))
    top, left = rng.integers(0, 2 * pad + 1, 2)
    return padded[top : top + height, left : left + width]


def _erase(image: Tensor, rng: np.random.Generator, fill: tuple[float, float, float]) -> None:
    _, height, width = image.shape
    for _ in range(100):
        area = rng.uniform(0.02, 0.4) * height * width
        aspect = rng.uniform(0.3, 1 / 0.3)
        h, w = round(float(np.sqrt(area * aspect))), round(float(np.sqrt(area / aspect)))
        if h < height and w < width:
            top, left = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
            image[:, top : top + h, left : left + w] = torch.tensor(fill)[:, None, None]
            return
