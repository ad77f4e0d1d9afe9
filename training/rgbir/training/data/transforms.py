"""From decoded images to the network's input (methods.md 1.3, 1.4; beyond.md 1.2): what is drawn on the processor, and done on
the device."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from rgbir.training.augmentation import Augmentation, Erasing, Fill, View
from rgbir.training.data.colours import GREY, PICKS, channel_scale, recoloured, with_channels
from rgbir.training.device import constants, sent

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def normalise(images: Tensor) -> Tensor:
    """uint8 (n, height, width, 3), RGB → float32 (n, 3, height, width), (x/255 - mean)/std a channel.

    The memory stays in the order of the pixels (channels last), which convolutions like best.
    """
    mean = constants(MEAN, images.device) * 255
    std = constants(STD, images.device) * 255
    return ((images.float() - mean) / std).permute(0, 3, 1, 2)


def grey(images: Tensor) -> Tensor:
    """Normalised images as their luminance looks in three equal channels, normalised: float (n, 3, height, width) → the same.

    0.299 R + 0.587 G + 0.114 B of the pixels, which aren't rounded.
    """
    mean, std, share = (
        constants(values, images.device, images.dtype)[:, None, None] for values in (MEAN, STD, (0.299, 0.587, 0.114))
    )
    return (((images * std + mean) * share).sum(1, keepdim=True) - mean) / std


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
        noise: int64 (n,), seed of what is written there, where that is noise.
        brightness: float32 (n,), factor of the 8-bit image.
        before: int64 (n,), what all channels become before normalisation: 0, 1, 2 for R, G, B, 3 for luminance, -1 for none.
        after: int64 (n,), the same after erasing.
        scale: float32 (n, 3), factor of each channel at last.
    """

    flipped: Tensor
    corners: Tensor
    erased: Tensor
    noise: Tensor
    brightness: Tensor
    before: Tensor
    after: Tensor
    scale: Tensor

    def to(self, device: torch.device) -> Changes:
        """What is computed with goes to the device; what says which rows are meant stays on the processor."""
        computed = ("flipped", "corners", "erased", "brightness", "scale")
        return self._replace(**{name: sent(getattr(self, name), device) for name in computed})


PLAIN = View()


def drawn(
    images: list[NDArray[np.uint8]], augment: Augmentation, rng: np.random.Generator, view: View = PLAIN
) -> Changes:
    """Draws what is done to each image: flip, mix, pad and crop, then what the view does before; at last, of all of
    them, erasing and what comes after it. What is off draws nothing.

    A mix is made here, in the list's place of the image: it is rare, and its rounding is NumPy's.

    Args:
        images: uint8 (height, width, 3) each, all of one size.
        augment: with which probabilities.
        rng: what is drawn from.
        view: what else is done.
    """
    flipped = np.zeros(len(images), bool)
    corners = np.zeros((len(images), 2), np.int64)
    erased = np.zeros((len(images), 4), np.int64)
    noise = np.zeros(len(images), np.int64)
    brightness = np.ones(len(images), np.float32)
    before, after = (np.full(len(images), -1) for _ in range(2))
    scale = np.ones((len(images), 3), np.float32)
    erasing = augment.erasing if view.erasing is None else view.erasing
    for number, image in enumerate(images):
        flipped[number] = rng.random() < augment.flip
        if augment.mix and rng.random() < augment.mix:
            images[number] = mixed(image[:, ::-1] if flipped[number] else image, rng)
            flipped[number] = False  # it is done
        if augment.padcrop:
            corners[number] = rng.integers(0, 2 * augment.padcrop + 1, 2)
        if view.brightness:
            brightness[number] = rng.uniform(1 - view.brightness, 1 + view.brightness)
        if view.grey and rng.random() < view.grey:
            before[number] = GREY
        elif view.pick and rng.random() < view.pick:
            before[number] = rng.integers(3)
    for number, image in enumerate(images):
        if rng.random() < erasing:
            erased[number] = rectangle(image.shape[0], image.shape[1], rng, augment.erasing_area, augment.erasing_form)
            if augment.erasing_fill == "noise":
                noise[number] = rng.integers(2**62)
        if view.channels != "off":
            after[number] = _channel(view, rng)
        if view.scale and rng.random() < view.scale:
            scale[number] = rng.uniform(0.02, 1.0, 3)
    return Changes(*map(torch.from_numpy, (flipped, corners, erased, noise, brightness, before, after, scale)))


def _channel(view: View, rng: np.random.Generator) -> int:
    """What all channels become after erasing, as `Changes.after` has it."""
    match view.channels:
        case "any":
            return int(rng.integers(3))
        case "any_or_grey":
            drawn = int(rng.integers(4))
            if drawn < 3:
                return drawn
        case _:
            if rng.random() < 0.5:
                return PICKS.index("g")
    return GREY if rng.random() < view.inner_grey else -1


def mixed(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A random linear mix of the channels, stretched to the range of the image; dark and bright may change places.

    uint8 (h, w, 3) → uint8 (h, w, 3), its channels equal.
    """
    grey = image.astype(np.float32) @ rng.standard_normal(3).astype(np.float32)
    low, high = float(grey.min()), float(grey.max())
    stretched = (grey - low) * (float(np.ptp(image)) / max(high - low, 1e-6)) + float(image.min())
    return np.repeat(stretched.astype(np.uint8)[..., None], 3, axis=2)


def rectangle(
    height: int,
    width: int,
    rng: np.random.Generator,
    share: tuple[float, float] = (0.02, 0.4),
    form: Erasing = "uniform",
) -> tuple[int, int, int, int]:
    """Top, left, height and width of a random rectangle of 2 to 40 % of the area; zeros if a hundred don't fit.

    The released code draws the aspect uniformly, not log-uniformly, and writes its constants after normalisation.
    `torchvision` draws it log-uniformly from 0.3 to 3.3, and tries ten times.

    Args:
        height, width: of the image, in pixels.
        rng: what is drawn from.
        share: least and largest, of the image's area.
        form: see above.

    Source: Zhong et al., "Random Erasing Data Augmentation", AAAI 2020.
    """
    for _ in range(100 if form == "uniform" else 10):
        area = rng.uniform(*share) * height * width
        uniform = form == "uniform"
        aspect = rng.uniform(0.3, 1 / 0.3) if uniform else float(np.exp(rng.uniform(np.log(0.3), np.log(3.3))))
        h, w = round(float(np.sqrt(area * aspect))), round(float(np.sqrt(area / aspect)))
        if h < height and w < width:
            top, left = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
            return top, left, h, w
    return 0, 0, 0, 0


FILLS: dict[Fill, tuple[float, float, float]] = {
    "pixel_mean": MEAN,
    "zero": (0.0, 0.0, 0.0),
    "cifar_mean": (0.4914, 0.4822, 0.4465),
}


def changed(images: Tensor, changes: Changes, augment: Augmentation, colours: bool = False) -> Tensor:
    """The network's input, made on the device of the images: flipped, padded and cropped, normalised, erased.

    Rows are worked on as 3 · width values, which is ten times as fast on a processor as one pixel of three after another. Nothing
    waits for a GPU here.

    Args:
        images: uint8 (n, height, width, 3), RGB.
        changes: of each of them, drawn with the same settings; on the processor.
        augment: how wide the border is, and what is written over rectangles.
        colours: whether a view changes colours, before or after.

    Returns:
        float32 (n, 3, height, width), normalised; the memory is in the order of the pixels.
    """
    n, height, width, _ = images.shape
    device = images.device
    noise = _noise(changes, height, width) if augment.erasing_fill == "noise" else None
    changes = changes.to(device)
    moved = _cropped(images, changes, augment)
    if colours:
        moved = recoloured(moved.view(n, height, width, 3), changes.brightness, changes.before).flatten(2)
    mean, std = (constants(values, device).mul_(255).repeat(width) for values in (MEAN, STD))
    values = moved.float().sub_(mean).div_(std)  # as `normalise`, to the last bit
    top, left, tall, wide = changes.erased[:, :, None].unbind(1)
    row, column = torch.arange(height, device=device), torch.arange(width, device=device)
    rows = (row >= top) & (row < top + tall)
    columns = ((column >= left) & (column < left + wide)).repeat_interleave(3, 1)
    fill = constants(FILLS[augment.erasing_fill], device).repeat(width) if noise is None else sent(noise, device)
    values = torch.where(rows[:, :, None] & columns[:, None, :], fill, values)
    tensor = values.view(n, height, width, 3).permute(0, 3, 1, 2)
    return channel_scale(with_channels(tensor, changes.after), changes.scale) if colours else tensor


def _noise(changes: Changes, height: int, width: int) -> Tensor:
    """N(0, 1) in each image's rectangle, by its seed: float32 (n, height, 3 · width) on the processor, as the changes are."""
    noise = torch.zeros(len(changes.noise), height, width, 3)
    erased = changes.erased.tolist()
    for number, (seed, (top, left, tall, wide)) in enumerate(zip(changes.noise.tolist(), erased, strict=True)):
        if tall:
            generator = torch.Generator().manual_seed(seed)
            noise[number, top : top + tall, left : left + wide] = torch.randn(tall, wide, 3, generator=generator)
    return noise.flatten(2)


def _cropped(images: Tensor, changes: Changes, augment: Augmentation) -> Tensor:
    """Flipped, with a border, from the corners on: uint8 (n, height, 3 · width)."""
    n, height, width, _ = images.shape
    border = augment.padcrop
    padded = _bordered(images, augment).flatten(2)
    tops, lefts = changes.corners[:, :, None].unbind(1)
    row, column, channel = (torch.arange(size, device=images.device) for size in (height, width, 3))
    number = torch.arange(n, device=images.device)[:, None]
    rows = padded.flatten(0, 1).index_select(0, (number * padded.shape[1] + tops + row).flatten())
    columns = lefts + column
    columns = torch.where(changes.flipped[:, None], width + 2 * border - 1 - columns, columns)
    places = (3 * columns[:, :, None] + channel).flatten(1)
    return rows.unflatten(0, (n, height)).gather(2, places[:, None, :].expand(n, height, 3 * width))


def _bordered(images: Tensor, augment: Augmentation) -> Tensor:
    """uint8 (n, h, w, 3) → uint8 (n, h + 2 border, w + 2 border, 3)."""
    border = augment.padcrop
    if augment.border != "mirror" or not border:
        value = 127 if augment.border == "grey" else 0
        return F.pad(images, (0, 0, border, border, border, border), value=value)
    for axis in (1, 2):
        size = images.shape[axis]
        place = torch.arange(-border, size + border, device=images.device) % (2 * size)
        images = images.index_select(axis, torch.where(place < size, place, 2 * size - 1 - place))
    return images
