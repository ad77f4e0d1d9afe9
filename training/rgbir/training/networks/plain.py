"""Backbones with global average pooling and nothing else."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from rgbir.training.backbones import load_imagenet
from rgbir.training.backbones.densenet import DenseNet121
from rgbir.training.backbones.resnet import ResNet50
from rgbir.training.networks.whole import Network, Views, mean_pooled


class _Pooled(Network):
    def __init__(self, backbone: ResNet50 | DenseNet121) -> None:
        super().__init__()
        self.backbone = backbone
        self.dimension = backbone.channels
        self.heads = (self.dimension,)

    def start_from_imagenet(self, file: Path) -> None:
        load_imagenet(self.backbone, file)

    def forward(self, images: Tensor) -> Views:
        pooled = mean_pooled(self.backbone(images))
        return Views(pooled, [pooled], [pooled])


class ResNet50Pooled(_Pooled):
    """2048-d; the last stage halves the resolution, as published."""

    def __init__(self, slim: int = 1) -> None:
        super().__init__(ResNet50(last_stride=2, width=64 // slim))


class DenseNet121Pooled(_Pooled):
    """1024-d."""

    def __init__(self, slim: int = 1) -> None:
        super().__init__(DenseNet121(growth=32 // slim))
