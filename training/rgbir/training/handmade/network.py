"""A fitted system as one network: pixels in, vectors out."""

from __future__ import annotations

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


class Handmade(nn.Module):
    """A modality's images, uint8 (n, 128, 48, 3), RGB → float32 (n, k).

    Args:
        descriptor: pixels in, values out.
        mean: of descriptors of length 1, float64 (d,).
        axes: float64 (d, p).
        projection: from p values.
        modality: whose map is taken.
    """

    mean: Tensor
    axes: Tensor
    matrix: Tensor
    offset: Tensor

    def __init__(
        self, descriptor: nn.Module, mean: Floats, axes: Floats, projection: Projection, modality: Modality
    ) -> None:
        super().__init__()
        self.descriptor, self.posterior = descriptor, projection.posterior
        map_ = projection.colour if modality is Modality.RGB else projection.infrared
        for name, values in {"mean": mean, "axes": axes, "matrix": map_.matrix, "offset": map_.offset}.items():
            self.register_buffer(name, torch.from_numpy(values).float())

    def forward(self, images: Tensor) -> Tensor:
        projected = (unit(self.descriptor(images)) - self.mean) @ self.axes
        mapped = projected @ self.matrix + self.offset
        if self.posterior:
            return torch.softmax(mapped, dim=1) - 1 / mapped.shape[1]
        return mapped
