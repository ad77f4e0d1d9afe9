"""The changes of images as they were first written: one image after another, in NumPy, pixels before anything else."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from torch import Tensor

from rgbir.training.augmentation import Augmentation, View

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


FILLS = {"pixel_mean": MEAN, "zero": (0.0, 0.0, 0.0), "cifar_mean": (0.4914, 0.4822, 0.4465)}


def viewed(images: NDArray[np.uint8], augment: Augmentation, view: View, rng: np.random.Generator) -> Tensor:
    """One view of each image, by NumPy's padding and Pillow's colours, from uint8 (n, h, w, 3) to float32 (n, 3, h, w)."""
    made = []
    for image in images:
        height, width, _ = image.shape
        pad = augment.padcrop
        image = _flipped(image, augment, rng)
        around = ((pad, pad), (pad, pad), (0, 0))
        if augment.border == "mirror":
            padded = np.pad(image, around, mode="symmetric")
        else:
            padded = np.pad(image, around, constant_values={"black": 0, "grey": 127}[augment.border])
        top, left = rng.integers(0, 2 * pad + 1, 2) if pad else (0, 0)
        picture = Image.fromarray(padded[top : top + height, left : left + width])
        if view.brightness:
            factor = float(np.float32(rng.uniform(1 - view.brightness, 1 + view.brightness)))
            picture = ImageEnhance.Brightness(picture).enhance(factor)
        if view.grey and rng.random() < view.grey:
            picture = picture.convert("L").convert("RGB")
        elif view.pick and rng.random() < view.pick:
            picture = picture.getchannel("RGB"[rng.integers(3)]).convert("RGB")
        made.append(np.asarray(picture))
    tensor = normalised(torch.from_numpy(np.stack(made)))
    for image in tensor:
        if rng.random() < (augment.erasing if view.erasing is None else view.erasing):
            _erase_anywhere(image, augment, rng)
        if view.channels != "off":
            _one_channel(image, view, rng)
        if view.scale and rng.random() < view.scale:
            for channel, factor in zip(image, rng.uniform(0.02, 1.0, 3), strict=True):
                channel *= np.float32(factor)
    return tensor


def _erase_anywhere(image: Tensor, augment: Augmentation, rng: np.random.Generator) -> None:
    _, height, width = image.shape
    place = (0, 0, 0, 0)
    for _ in range(100 if augment.erasing_form == "uniform" else 10):
        area = rng.uniform(*augment.erasing_area) * height * width
        if augment.erasing_form == "uniform":
            aspect = rng.uniform(0.3, 1 / 0.3)
        else:
            aspect = math.exp(rng.uniform(math.log(0.3), math.log(3.3)))
        h, w = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if h < height and w < width:
            place = (int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1)), h, w)
            break
    top, left, h, w = place
    if augment.erasing_fill == "noise":
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        if h:
            image[:, top : top + h, left : left + w] = torch.randn(h, w, 3, generator=generator).permute(2, 0, 1)
    else:
        image[:, top : top + h, left : left + w] = torch.tensor(FILLS[augment.erasing_fill])[:, None, None]


def _one_channel(image: Tensor, view: View, rng: np.random.Generator) -> None:
    if view.channels == "any":
        choice = int(rng.integers(3))
    elif view.channels == "any_or_grey":
        choice = int(rng.integers(4))
    else:
        choice = 1 if rng.random() < 0.5 else 3
    if choice < 3:
        image[:] = image[choice].clone()
    elif rng.random() < view.inner_grey:
        image[:] = 0.2989 * image[0] + 0.5870 * image[1] + 0.1140 * image[2]
