"""MuDeep: streams of several receptive fields, weighted by trained saliences.

Source: Qian et al., "Multi-scale Deep Learning Architectures for Person Re-identification", ICCV 2017; pooling before the
last layer as torchreid has it, which HPILN's length of 4096 agrees with.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.training.backbones.resnet import initialise
from rgbir.training.layers import Projection
from rgbir.training.networks.whole import Branches, ConvBlock, Network, Views


class MuDeep(Network):
    """4096-d, from images of 256x128 only. It has no weights from ImageNet."""

    size = (256, 128)

    def __init__(self, slim: int = 1) -> None:
        super().__init__()

        def w(width: int) -> int:
            return width // slim

        self.stem = nn.Sequential(
            ConvBlock(3, w(48), 3),
            ConvBlock(w(48), w(96), 3),
            nn.MaxPool2d(3, 2, padding=1),
            Branches(
                nn.Sequential(ConvBlock(w(96), w(96)), ConvBlock(w(96), w(24), 3)),
                nn.Sequential(nn.AvgPool2d(3, 1, padding=1), ConvBlock(w(96), w(24))),
                ConvBlock(w(96), w(24)),
                nn.Sequential(ConvBlock(w(96), w(16)), ConvBlock(w(16), w(24), 3), ConvBlock(w(24), w(24), 3)),
            ),
            Branches(
                nn.MaxPool2d(3, 2, padding=1),
                ConvBlock(w(96), w(96), 3, 2),
                nn.Sequential(ConvBlock(w(96), w(48)), ConvBlock(w(48), w(56), 3), ConvBlock(w(56), w(64), 3, 2)),
            ),
        )
        channels = w(256)
        self.scales = nn.ModuleList(
            [
                nn.Sequential(nn.AvgPool2d(3, 1, padding=1), ConvBlock(channels, channels)),
                nn.Sequential(
                    ConvBlock(channels, w(64)), ConvBlock(w(64), w(128), (1, 3)), ConvBlock(w(128), channels, (3, 1))
                ),
                ConvBlock(channels, channels),
                nn.Sequential(
                    ConvBlock(channels, w(64)),
                    ConvBlock(w(64), w(64), (1, 3)),
                    ConvBlock(w(64), w(128), (3, 1)),
                    ConvBlock(w(128), w(128), (1, 3)),
                    ConvBlock(w(128), channels, (3, 1)),
                ),
            ]
        )
        self.saliences = nn.Parameter(torch.rand(4, channels, 1, 1))
        initialise(self)
        self.dimension = 4096 // slim
        self.project = Projection(channels * 16 * 8, self.dimension)
        self.heads = (self.dimension,)

    def forward(self, images: Tensor) -> Views:
        x = self.stem(images)
        fused = sum(salience * scale(x) for salience, scale in zip(self.saliences, self.scales, strict=True))
        vector = self.project(F.avg_pool2d(fused, 4).flatten(1))
        return Views(vector, [vector], [vector])
