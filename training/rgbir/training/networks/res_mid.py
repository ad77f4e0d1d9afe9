"""Res-Mid: the middle of ResNet-50's last stage beside its end.

Source: Yu et al., "The Devil is in the Middle: Exploiting Mid-level Representations for Cross-Domain Instance Matching",
arXiv 1711.08106.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from rgbir.training.backbones import load_imagenet
from rgbir.training.backbones.resnet import ResNet50
from rgbir.training.layers import Projection
from rgbir.training.networks.whole import Network, Views, mean_pooled


class ResMid(Network):
    """3072-d: the first two bottlenecks of layer 4 fused to 1024, and the third as it is."""

    def __init__(self, slim: int = 1) -> None:
        super().__init__()
        self.backbone = ResNet50(last_stride=2, width=64 // slim)
        channels = self.backbone.channels
        self.fusion = Projection(2 * channels, channels // 2)
        self.dimension = channels // 2 + channels
        self.heads = (self.dimension,)

    def start_from_imagenet(self, file: Path) -> None:
        load_imagenet(self.backbone, file)

    def forward(self, images: Tensor) -> Views:
        net = self.backbone
        x = net.layer3(net.layer2(net.layer1(net.stage0(images))))
        pooled = []
        for bottleneck in net.layer4:
            x = bottleneck(x)
            pooled.append(mean_pooled(x))
        vector = torch.cat([self.fusion(torch.cat(pooled[:2], dim=1)), pooled[2]], dim=1)
        return Views(vector, [vector], [vector])
