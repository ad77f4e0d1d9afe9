"""HOG: histograms of oriented gradients, in operations that a bundle can hold.

Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005. Details are scikit-image's
`feature.hog` with L2-Hys, which tests compare it with.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.training.handmade.colours import grey_of

ORIENTATIONS, CELL, BLOCK = 9, 8, 2
CLIP, LEAST = 0.2, 1e-5


class Hog(nn.Module):
    """9 orientations without sign, cells of 8x8 pixels, blocks of 2x2 cells: uint8 (n, height, width, 3) → (n, d)."""

    turns: Tensor

    def __init__(self) -> None:
        super().__init__()
        angles = [math.pi * k / ORIENTATIONS for k in range(1, ORIENTATIONS)]
        turns = torch.tensor([[math.cos(angle), math.sin(angle)] for angle in angles], dtype=torch.float64)
        self.register_buffer("turns", turns.float())

    def forward(self, images: Tensor) -> Tensor:
        grey = grey_of(images.to(self.turns.dtype))
        cells = _cells(*_oriented(grey, self.turns))
        rows, columns = cells.shape[2] - BLOCK + 1, cells.shape[3] - BLOCK + 1
        places = [(row, column) for row in range(BLOCK) for column in range(BLOCK)]
        blocks = torch.stack([cells[:, :, r : r + rows, c : c + columns] for r, c in places], dim=1)
        blocks = blocks.permute(0, 3, 4, 1, 2).flatten(3)  # (n, rows, columns, 4 cells of 9)
        return _of_length_1(_of_length_1(blocks).clamp(max=CLIP)).flatten(1)


def _oriented(grey: Tensor, turns: Tensor) -> tuple[Tensor, Tensor]:
    """The length of each pixel's gradient, and the number of its orientation, (n, height, width)."""
    across = F.pad(grey[:, :, 2:] - grey[:, :, :-2], (1, 1))
    down = F.pad(grey[:, 2:] - grey[:, :-2], (0, 0, 1, 1))
    turned = (down < 0) | ((down == 0) & (across < 0))
    x, y = torch.where(turned, -across, across), torch.where(turned, -down, down)
    beyond = y[:, None] * turns[:, 0, None, None] - x[:, None] * turns[:, 1, None, None] >= 0
    return torch.sqrt(x.square() + y.square()), beyond.sum(dim=1)


def _cells(length: Tensor, orientation: Tensor) -> Tensor:
    """Mean length of each orientation in each cell: (n, 9, rows, columns)."""
    bins = torch.arange(ORIENTATIONS, device=length.device)[:, None, None]
    return F.avg_pool2d(length[:, None] * (orientation[:, None] == bins), CELL)


def _of_length_1(blocks: Tensor) -> Tensor:
    return blocks / torch.sqrt(blocks.square().sum(dim=-1, keepdim=True) + LEAST**2)
