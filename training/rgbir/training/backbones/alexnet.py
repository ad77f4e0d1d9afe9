"""AlexNet up to its second hidden layer, with the parameter names of torchvision, so that its ImageNet checkpoint loads.

Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv 1404.5997.
"""

from __future__ import annotations

from torch import Tensor, nn


class AlexNet(nn.Module):
    """From 224x224 or 227x227: 256 maps of 6x6; `fc6` and `fc7`, of 4096 each, are the towers'.

    `forward` gives the maps, flattened: float32 (n, 3, height, width), normalised → float (n, 9216).
    """

    channels = 256 * 6 * 6

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        return self.features(images).flatten(1)
