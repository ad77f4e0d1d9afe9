"""A small residual network for processors and demonstrations: 1.2 million parameters."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.training.backbones.resnet import PARTS, initialise
from rgbir.training.backbones.staged import Staged


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: float (n, inputs, h, w) → float (n, outputs, h/stride, w/stride)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class CompactResNet(Staged):
    """One basic block a stage, widths 32 to 256, output stride 16; 160x64 gives 256 x 10 x 4."""

    FIRST, PARTS = "conv1.weight", PARTS
    channels = 256

    def __init__(self, inputs: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, 32, 3, 2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.layer1 = BasicBlock(32, 32, 2)
        self.layer2 = BasicBlock(32, 64, 2)
        self.layer3 = BasicBlock(64, 128, 2)
        self.layer4 = BasicBlock(128, 256, 1)
        initialise(self)

    def stage0(self, images: Tensor) -> Tensor:
        """Before the first residual stage: float32 (n, inputs, h, w), normalised → float (n, 32, h/2, w/2)."""
        return F.relu(self.bn1(self.conv1(images)))

    def blocks(self, stage: int) -> Sequence[nn.Module]:
        return [self.get_submodule(f"layer{stage}")]
