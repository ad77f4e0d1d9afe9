"""A fitted system as one network: pixels in, vectors out."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from rgbir.index import Modality
from rgbir.training.handmade.hog import Hog
from rgbir.training.handmade.lomo import Lomo
from rgbir.training.handmade.projection import Projection
from rgbir.training.handmade.recipe import HandmadeRecipe, System
from rgbir.training.handmade.sides import Floats
from rgbir.training.layers import unit


def descriptor_of(system: System, recipe: HandmadeRecipe) -> nn.Module:
    """uint8 (n, 128, 48, 3) → float32 (n, d)."""
    return Hog() if system.descriptor == "hog" else Lomo(recipe.lomo)


class OnAxes(nn.Module):
    """Images on principal axes, of either modality: uint8 (n, 128, 48, 3), RGB → float32 (n, p).

    Args:
        descriptor: pixels in, values out.
        mean: of descriptors of length 1, float64 (d,).
        axes: float64 (d, p).
    """

    mean: Tensor
    axes: Tensor

    def __init__(self, descriptor: nn.Module, mean: Floats, axes: Floats) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.register_buffer("mean", _kept(mean))
        self.register_buffer("axes", _kept(axes))

    def forward(self, images: Tensor) -> Tensor:
        return (unit(self.descriptor(images)) - self.mean) @ self.axes


class Handmade(nn.Module):
    """A modality's images, uint8 (n, 128, 48, 3), RGB → float32 (n, k).

    Args:
        on_axes: what both modalities share.
        projection: from its p values.
        modality: whose map is taken.
    """

    matrix: Tensor
    offset: Tensor

    def __init__(self, on_axes: OnAxes, projection: Projection, modality: Modality) -> None:
        super().__init__()
        self.on_axes, self.posterior = on_axes, projection.posterior
        map_ = projection.of(modality)
        self.register_buffer("matrix", _kept(map_.matrix))
        self.register_buffer("offset", _kept(map_.offset))

    def forward(self, images: Tensor) -> Tensor:
        mapped = self.on_axes(images) @ self.matrix + self.offset
        if self.posterior:
            return torch.softmax(mapped, dim=1) - 1 / mapped.shape[1]
        return mapped


def _kept(values: Floats) -> Tensor:
    return torch.from_numpy(values.astype(np.float32, order="C"))
