"""DenseNet-121 with the parameter names of torchvision, so that its ImageNet checkpoint loads.

Source: Huang et al., "Densely Connected Convolutional Networks", CVPR 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.training.backbones.resnet import initialise


class _Layer(nn.Module):
    """Norm, rectifier, 1x1 to four growths, norm, rectifier, 3x3 to one growth; appended to what came in."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(F.relu(self.norm2(y)))], dim=1)


class _Transition(nn.Module):
    """Norm, rectifier, 1x1 to half the channels, halved resolution."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.conv = nn.Conv2d(inputs, inputs // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)


class DenseNet121(nn.Module):
    """Without a classifier; output stride 32, 1024 channels at growth 32.

    From images float32 (n, 3, h, w), normalised, to maps float (n, channels, h/32, w/32).
    """

    def __init__(self, growth: int = 32) -> None:
        super().__init__()
        channels = 2 * growth
        self.features = nn.Sequential()
        self.features.add_module("conv0", nn.Conv2d(3, channels, 7, 2, padding=3, bias=False))
        self.features.add_module("norm0", nn.BatchNorm2d(channels))
        self.features.add_module("relu0", nn.ReLU())
        self.features.add_module("pool0", nn.MaxPool2d(3, 2, padding=1))
        for number, layers in enumerate((6, 12, 24, 16), start=1):
            block = nn.Sequential()
            for layer in range(1, layers + 1):
                block.add_module(f"denselayer{layer}", _Layer(channels, growth))
                channels += growth
            self.features.add_module(f"denseblock{number}", block)
            if number < 4:
                self.features.add_module(f"transition{number}", _Transition(channels))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.channels = channels
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        return F.relu(self.features(images))
