"""What every whole network is, and the layers that several of them have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from rgbir.training.errors import BadCheckpoint


class Views(NamedTuple):
    """What a network shows of n images.

    Attributes:
        embedding: float (n, dimension), for ranking at test time.
        ranked: what a ranking loss compares, each float (n, some length); the embedding, as a rule.
        classified: what each classifier reads, float (n, its length).
    """

    embedding: Tensor
    ranked: Sequence[Tensor]
    classified: Sequence[Tensor]


class Network(nn.Module, ABC):
    """A re-identification network, with what HPILN must know of it."""

    dimension: int
    """Length of an embedding."""

    heads: tuple[int, ...]
    """Length of what each classifier reads."""

    ranking: Literal["sum", "mean"] = "sum"
    """What a ranking loss makes of several vectors that are each ranked by themselves."""

    size: tuple[int, int] | None = None
    """Height and width, where it takes no other."""

    def start_from_imagenet(self, file: Path) -> None:
        """Loads torchvision's checkpoint of the backbone it is built on.

        Raises:
            BadCheckpoint: it doesn't fit, or torchvision has no such network.
        """
        raise BadCheckpoint(
            f"torchvision publishes no weights of {type(self).__name__}; leave `imagenet` out and train from nothing"
        )

    @abstractmethod
    def forward(self, images: Tensor) -> Views:
        """float32 (n, 3, height, width), normalised → what the network shows of the n images."""


class ConvBlock(nn.Sequential):
    """Convolution, batch norm, rectifier; keeps height and width at stride 1.

    From maps float (n, inputs, h, w) to maps float (n, outputs, h/stride, w/stride).
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int | tuple[int, int] = 1, stride: int = 1, bias: bool = True
    ) -> None:
        high, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
        super().__init__(
            nn.Conv2d(inputs, outputs, (high, wide), stride, padding=(high // 2, wide // 2), bias=bias),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )


class Branches(nn.Module):
    """Several views of the same map float (n, c, h, w), side by side along the channels of one map."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


def stripes(maps: Tensor, count: int) -> list[Tensor]:
    """Rows floor(H k / count) up to ceil(H (k + 1) / count) of a map, as adaptive pooling cuts it.

    From float (n, c, H, w) to `count` views of it, float (n, c, some rows, w).
    """
    rows = maps.shape[2]
    return [maps[:, :, rows * k // count : -(-rows * (k + 1) // count)] for k in range(count)]


def mean_pooled(maps: Tensor) -> Tensor:
    """The mean over a map's positions: float (n, c, h, w) → float (n, c)."""
    return maps.mean(dim=(2, 3))


def max_pooled(maps: Tensor) -> Tensor:
    """The maximum over a map's positions: float (n, c, h, w) → float (n, c)."""
    return maps.amax(dim=(2, 3))
