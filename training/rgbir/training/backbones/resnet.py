"""ResNet-50 with the parameter names of torchvision, so that its ImageNet checkpoints load.

Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016; the 3x3 convolution carries a bottleneck's
stride, as in torchvision.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.training.backbones.staged import Staged


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up to four times the width, beside a shortcut.

    From maps float (n, inputs, h, w) to maps float (n, 4 · width, h/stride, w/stride).
    """

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int = 1) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + self.downsample(x))


PARTS = (("conv1", "bn1"), ("layer1",), ("layer2",), ("layer3",), ("layer4",))
"""The submodules of each stage of a residual network."""


class ResNet50(Staged):
    """Without a classifier. The last stage keeps its resolution (`last_stride` 1): 384x128 gives 2048 x 24 x 8.

    `width` scales every layer, `inputs` counts the image's channels; ImageNet's checkpoint has 64 and 3.
    """

    FIRST, PARTS = "conv1.weight", PARTS

    def __init__(self, last_stride: int = 1, width: int = 64, inputs: int = 3) -> None:
        super().__init__()
        self.channels = 32 * width
        self.conv1 = nn.Conv2d(inputs, width, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, blocks=3, stride=1)
        self.layer2 = _stage(4 * width, 2 * width, blocks=4, stride=2)
        self.layer3 = _stage(8 * width, 4 * width, blocks=6, stride=2)
        self.layer4 = _stage(16 * width, 8 * width, blocks=3, stride=last_stride)
        initialise(self)

    def stage0(self, images: Tensor) -> Tensor:
        """Before the first residual stage: float32 (n, inputs, h, w), normalised → float (n, width, h/4, w/4)."""
        return F.max_pool2d(F.relu(self.bn1(self.conv1(images))), 3, 2, padding=1)

    def blocks(self, stage: int) -> Sequence[nn.Module]:
        layer = self.get_submodule(f"layer{stage}")
        assert isinstance(layer, nn.Sequential)
        return list(layer)


def _stage(inputs: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    first = Bottleneck(inputs, width, stride)
    return nn.Sequential(first, *(Bottleneck(width * Bottleneck.expansion, width) for _ in range(blocks - 1)))


def initialise(network: nn.Module) -> None:
    """As torchvision starts a network that is trained from nothing: convolutions Kaiming normal, biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
