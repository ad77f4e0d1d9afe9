"""From decoded images to the network's input (methods.md 1.3, 1.4): what is drawn on the processor, and done on the device."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

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


class Changes(NamedTuple):
    """What is done to each of n images on the device, in this order.

    Attributes:
        flipped: bool (n,), True where left and right change places.
        corners: int64 (n, 2), top and left of what is kept, in the image with its black border.
        erased: int64 (n, 4), top, left, height and width of the rectangle that is written over; zeros for none.
    """

    flipped: Tensor
    corners: Tensor
    erased: Tensor


def drawn(images: list[NDArray[np.uint8]], augment: Augmentation, rng: np.random.Generator) -> Changes:
    """Draws what is done to each image: flip, mix, zero-pad and crop, and at last, of all of them, erase.

    A mix is made here, in the list's place of the image: it is rare, and its rounding is NumPy's.

    Args:
        images: uint8 (height, width, 3) each, all of one size.
        augment: with which probabilities.
        rng: what is drawn from.
    """
    flipped = np.zeros(len(images), bool)
    corners = np.zeros((len(images), 2), np.int64)
    erased = np.zeros((len(images), 4), np.int64)
    for number, image in enumerate(images):
        flipped[number] = rng.random() < augment.flip
        if augment.mix and rng.random() < augment.mix:
            images[number] = mixed(image[:, ::-1] if flipped[number] else image, rng)
            flipped[number] = False  # it is done
        if augment.padcrop:
            corners[number] = rng.integers(0, 2 * augment.padcrop + 1, 2)
    for number, image in enumerate(images):
        if rng.random() < augment.erasing:
            erased[number] = rectangle(image.shape[0], image.shape[1], rng)
    return Changes(torch.from_numpy(flipped), torch.from_numpy(corners), torch.from_numpy(erased))


def mixed(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A random linear mix of the channels, stretched to the range of the image; dark and bright may change places.

    uint8 (h, w, 3) → uint8 (h, w, 3), its channels equal.
    """
    grey = image.astype(np.float32) @ rng.standard_normal(3).astype(np.float32)
    low, high = float(grey.min()), float(grey.max())
    stretched = (grey - low) * (float(np.ptp(image)) / max(high - low, 1e-6)) + float(image.min())
    return np.repeat(stretched.astype(np.uint8)[..., None], 3, axis=2)


def rectangle(height: int, width: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Top, left, height and width of a random rectangle of 2 to 40 % of the area; zeros if a hundred don't fit.

    The released code draws the aspect uniformly, not log-uniformly, and writes its constants after normalisation.

    Source: Zhong et al., "Random Erasing Data Augmentation", AAAI 2020.
    """
    for _ in range(100):
        area = rng.uniform(0.02, 0.4) * height * width
        aspect = rng.uniform(0.3, 1 / 0.3)
        h, w = round(float(np.sqrt(area * aspect))), round(float(np.sqrt(area / aspect)))
        if h < height and w < width:
            top, left = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
            return top, left, h, w
    return 0, 0, 0, 0


def changed(images: Tensor, changes: Changes, augment: Augmentation) -> Tensor:
    """The network's input, made on the device of its arguments: flipped, padded and cropped, normalised, erased.

    Rows are worked on as 3 · width values, which is ten times as fast on a processor as one pixel of three after another.

    Args:
        images: uint8 (n, height, width, 3), RGB.
        changes: of each of them, drawn with the same settings.
        augment: how wide the border is, and what is written over rectangles.

    Returns:
        float32 (n, 3, height, width), normalised; the memory is in the order of the pixels.
    """
    n, height, width, _ = images.shape
    device = images.device
    moved = _cropped(images, changes, augment.padcrop)
    mean, std = (torch.tensor(values, device=device).mul_(255).repeat(width) for values in (MEAN, STD))
    values = moved.float().sub_(mean).div_(std)  # as `normalise`, to the last bit
    top, left, tall, wide = changes.erased[:, :, None].unbind(1)
    row, column = torch.arange(height, device=device), torch.arange(width, device=device)
    rows = (row >= top) & (row < top + tall)
    columns = ((column >= left) & (column < left + wide)).repeat_interleave(3, 1)
    fill = torch.tensor(MEAN if augment.erasing_fill == "pixel_mean" else (0.0, 0.0, 0.0), device=device).repeat(width)
    values = torch.where(rows[:, :, None] & columns[:, None, :], fill, values)
    return values.view(n, height, width, 3).permute(0, 3, 1, 2)


def _cropped(images: Tensor, changes: Changes, border: int) -> Tensor:
    """Flipped, with a black border of that many pixels, from the corners on: uint8 (n, height, 3 · width)."""
    n, height, width, _ = images.shape
    padded = F.pad(images, (0, 0, border, border, border, border)).flatten(2)
    tops, lefts = changes.corners[:, :, None].unbind(1)
    row, column, channel = (torch.arange(size, device=images.device) for size in (height, width, 3))
    number = torch.arange(n, device=images.device)[:, None]
    rows = padded.flatten(0, 1).index_select(0, (number * padded.shape[1] + tops + row).flatten())
    columns = lefts + column
    columns = torch.where(changes.flipped[:, None], width + 2 * border - 1 - columns, columns)
    places = (3 * columns[:, :, None] + channel).flatten(1)
    return rows.unflatten(0, (n, height)).gather(2, places[:, None, :].expand(n, height, 3 * width))
