"""Networks from images (n, 3, h, w) to feature maps (n, channels, h/16, w/16)."""

from __future__ import annotations

from collections.abc import Callable

from rgbir.training.backbones.compact import CompactResNet
from rgbir.training.backbones.pretrained import load_imagenet
from rgbir.training.backbones.resnet import ResNet50
from rgbir.training.backbones.stages import Stages

Backbone = ResNet50 | CompactResNet
BACKBONES: dict[str, Callable[..., Backbone]] = {"resnet50": ResNet50, "compact": CompactResNet}

__all__ = ["BACKBONES", "Backbone", "Stages", "CompactResNet", "ResNet50", "load_imagenet"]
