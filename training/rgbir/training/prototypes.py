"""Learnt prototypes of parts, each of which looks for its like in a map (SAAI)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

STRIDE = 16
"""Pixels of an image to a cell of its map, in both directions."""


def cells_of(height: int, width: int) -> int:
    """How many cells the map of an image of so many pixels has."""
    return -(-height // STRIDE) * -(-width // STRIDE)


class Prototypes(nn.Module):
    """sigmoid(p_r · (x_c + e_c)): how much each cell of a map is of each part; of each cell's place, too, where that is learnt.

    Prototypes and places are drawn from N(0, 0.03125²). Places tie the network to one size of images.

    Args:
        parts: P, how many prototypes.
        channels: of the map.
        cells: of the map; None: cells have no places.

    Source: Fang, Yang, Fu, "Visible-Infrared Person Re-Identification via Semantic Alignment and Affinity Inference", ICCV 2023
    (beyond.md 5.2).
    """

    def __init__(self, parts: int, channels: int, cells: int | None) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(torch.empty(parts, channels))
        self.places = nn.Parameter(torch.empty(cells, channels)) if cells else None
        for table in self.parameters():
            nn.init.normal_(table, std=0.03125)

    def forward(self, maps: Tensor) -> Tensor:
        """float (n, channels, h, w), of h · w = cells → masks, float32 or better (n, P, h, w)."""
        with torch.autocast(maps.device.type, enabled=False):
            logits = self.prototypes @ maps.flatten(2).to(self.prototypes.dtype)
            if self.places is not None:
                logits = logits + self.prototypes @ self.places.T
            return logits.sigmoid().unflatten(2, maps.shape[2:])
