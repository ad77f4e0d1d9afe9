"""PCB: six stripes of the body, each classified on its own.

Source: Sun et al., "Beyond Part Models: Person Retrieval with Refined Part Pooling", ECCV 2018.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from rgbir.training.backbones import load_imagenet
from rgbir.training.backbones.resnet import ResNet50, initialise
from rgbir.training.layers import WholeDropout, unit
from rgbir.training.networks.whole import ConvBlock, Network, Views, mean_pooled, stripes


class PCB(Network):
    """12288-d: the six stripes' 2048-d means, each of length 1. Classifiers read 256-d reductions of them.

    torchreid drops out half of the stripes' values before both; here the embedding is taken before (methods.md 5.2).
    """

    def __init__(self, slim: int = 1, parts: int = 6) -> None:
        super().__init__()
        self.parts = parts
        self.backbone = ResNet50(last_stride=1, width=64 // slim)
        channels, reduced = self.backbone.channels, 256 // slim
        self.dropout = WholeDropout(0.5)
        self.reduce = ConvBlock(channels, reduced, bias=False)
        initialise(self.reduce)
        self.dimension = parts * channels
        self.heads = (reduced,) * parts

    def start_from_imagenet(self, file: Path) -> None:
        load_imagenet(self.backbone, file)

    def forward(self, images: Tensor) -> Views:
        means = [mean_pooled(stripe) for stripe in stripes(self.backbone(images), self.parts)]
        embedding = torch.cat([unit(mean) for mean in means], dim=1)
        reduced = self.reduce(self.dropout(torch.stack(means, dim=2)[..., None]))
        return Views(embedding, [embedding], list(reduced.squeeze(3).unbind(dim=2)))
