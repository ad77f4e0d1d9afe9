"""MobileNetV2 with the parameter names of torchvision, so that its ImageNet checkpoints load.

Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from rgbir.training.backbones.resnet import initialise
from rgbir.training.backbones.staged import Staged

SETTINGS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks, and stride of the first of them: the paper's Table 2."""


class _Convolved(nn.Sequential):
    """Convolution, batch norm, rectifier that ends at 6."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(outputs), nn.ReLU6())


class InvertedResidual(nn.Module):
    """1x1 up, 3x3 channel by channel, 1x1 down without a rectifier, beside a shortcut where the shape stays.

    From maps float (n, inputs, h, w) to maps float (n, outputs, h/stride, w/stride).
    """

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.conv = nn.Sequential(
            *([_Convolved(inputs, hidden)] if expansion > 1 else []),
            _Convolved(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.shortcut else y


class MobileNetV2(Staged):
    """Without a classifier: 2.2 million parameters. The last stage keeps its resolution (`last_stride` 1).

    Stages end where the resolution of the published network does: at its halves, quarters, eighths and sixteenths.
    """

    FIRST = "features.0.0.weight"
    PARTS = tuple(
        tuple(f"features.{place}" for place in places)
        for places in ((0, 1), (2, 3), (4, 5, 6), range(7, 14), range(14, 19))
    )

    def __init__(self, last_stride: int = 1, inputs: int = 3) -> None:
        super().__init__()
        self.channels = 1280
        channels = 32
        features: list[nn.Module] = [_Convolved(inputs, channels, 3, 2)]
        for expansion, outputs, blocks, first in SETTINGS:
            for block in range(blocks):
                stride = first if block == 0 else 1
                if outputs == 160 and block == 0:
                    stride = last_stride
                features.append(InvertedResidual(channels, outputs, stride, expansion))
                channels = outputs
        features.append(_Convolved(channels, self.channels))
        self.features = nn.Sequential(*features)
        initialise(self)

    def stage0(self, images: Tensor) -> Tensor:
        """float32 (n, inputs, h, w), normalised → float (n, 16, h/2, w/2)."""
        x = images
        for part in self.PARTS[0]:
            x = self.get_submodule(part)(x)
        return x

    def blocks(self, stage: int) -> Sequence[nn.Module]:
        return [self.get_submodule(part) for part in self.PARTS[stage]]
