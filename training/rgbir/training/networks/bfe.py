"""BFE: one branch sees the whole map, the other learns to do without a part of it.

Source: Dai et al., "Batch Feature Erasing for Person Re-identification and Beyond", arXiv 1811.07130 (later: Batch
DropBlock Network, ICCV 2019).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from rgbir.training.backbones import load_imagenet
from rgbir.training.backbones.resnet import Bottleneck, ResNet50, initialise
from rgbir.training.layers import Projection
from rgbir.training.networks.whole import ConvBlock, Network, Views, max_pooled


class BFE(Network):
    """1024-d of the erasing branch, or 1536-d of both (`embedding` concat; then each is ranked on its own).

    Args:
        slim: divides every width.
        embedding: HPILN prints 1024; the code it builds on puts 512 of the global branch before them (methods.md 5.7, 3).
        erase: height and width of the erased rectangle, as shares of the map's; the code of December 2018, or
            (0.33, 1.0) of the later one.
    """

    def __init__(
        self, slim: int = 1, embedding: Literal["erased", "concat"] = "erased", erase: tuple[float, float] = (0.5, 0.5)
    ) -> None:
        super().__init__()
        self.embedding, self.erase = embedding, erase
        self.backbone = ResNet50(last_stride=1, width=64 // slim)
        channels = self.backbone.channels
        self.reduce = ConvBlock(channels, channels // 4, bias=False)
        self.bottleneck = Bottleneck(channels, channels // 4)
        for part in (self.reduce, self.bottleneck):
            initialise(part)
        self.project = Projection(channels, channels // 2)
        self.heads = (channels // 4, channels // 2)
        self.dimension = channels // 2 if embedding == "erased" else sum(self.heads)

    def start_from_imagenet(self, file: Path) -> None:
        load_imagenet(self.backbone, file)

    def forward(self, images: Tensor) -> Views:
        maps = self.backbone(images)
        whole = self.reduce(maps.mean(dim=(2, 3), keepdim=True)).flatten(1)
        erased = self.project(max_pooled(self._erased(self.bottleneck(maps))))
        if self.embedding == "erased":
            return Views(erased, [erased], [whole, erased])
        return Views(torch.cat([whole, erased], dim=1), [whole, erased], [whole, erased])

    def _erased(self, maps: Tensor) -> Tensor:
        """One rectangle, the same for all images, set to zero; in training only."""
        if not self.training:
            return maps
        (high, wide), (rows, columns) = self.erase, maps.shape[2:]
        h, w = round(high * rows), round(wide * columns)
        top, left = (int(torch.randint(0, space + 1, ())) for space in (rows - h, columns - w))
        kept = torch.ones(rows, columns, dtype=maps.dtype, device=maps.device)
        kept[top : top + h, left : left + w] = 0
        return maps * kept
