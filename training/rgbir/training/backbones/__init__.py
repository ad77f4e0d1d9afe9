"""Networks from images (n, 3, h, w) to feature maps (n, channels, h/16, w/16)."""

from __future__ import annotations

from collections.abc import Callable

from rgbir.training.backbones.compact import CompactResNet
from rgbir.training.backbones.mobilenet import MobileNetV2
from rgbir.training.backbones.pretrained import load_imagenet
from rgbir.training.backbones.resnet import ResNet50
from rgbir.training.backbones.staged import Staged
from rgbir.training.backbones.stages import Stages

BACKBONES: dict[str, Callable[..., Staged]] = {
    "resnet50": ResNet50,
    "compact": CompactResNet,
    "mobilenet_v2": MobileNetV2,
}

__all__ = ["BACKBONES", "CompactResNet", "MobileNetV2", "ResNet50", "Staged", "Stages", "load_imagenet"]
