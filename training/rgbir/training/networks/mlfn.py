"""MLFN: blocks whose factors are switched on and off by the image, and a code of those switches.

Source: Chang et al., "Multi-Level Factorisation Net for Person Re-Identification", CVPR 2018.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.training.backbones.pretrained import put
from rgbir.training.backbones.resnet import initialise
from rgbir.training.layers import Projection
from rgbir.training.networks.whole import ConvBlock, Network, Views, mean_pooled
from rgbir.training.weights.reading import WeightsFile

GROUPS = ((3, 256, (128, 64)), (4, 512, (256, 128)), (6, 1024, (512, 128)), (3, 2048, (512, 128)))
"""Blocks, width, and the two hidden widths of the gate."""


NAMES = (
    (r"^conv1\.", "stem.0."),
    (r"^bn1\.", "stem.1."),
    (r"^feature\.", "blocks."),
    *((rf"\.fm_conv{number}\.", f".{part}.0.") for number, part in enumerate(("narrow", "grouped", "widen"), 1)),
    *((rf"\.fm_bn{number}\.", f".{part}.1.") for number, part in enumerate(("narrow", "grouped", "widen"), 1)),
    *(
        (rf"\.fsm\.{place}\.", f".gate.{part}.")
        for place, part in ((1, "0.0"), (2, "0.1"), (4, "1.0"), (5, "1.1"), (7, 2), (8, 3))
    ),
    (r"\.downsample\.", ".shortcut."),
    (r"^fc_x\.", "of_map."),
    (r"^fc_s\.", "of_switches."),
)
"""Names of deep-person-reid's MLFN, and ours."""


class FactorBlock(nn.Module):
    """1x1 to half the width, 3x3 in 32 groups each with its switch, 1x1 to the width, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, gate: tuple[int, int], factors: int) -> None:
        super().__init__()
        middle = outputs // 2
        self.narrow = ConvBlock(inputs, middle, bias=False)
        self.grouped = nn.Sequential(
            nn.Conv2d(middle, middle, 3, stride, padding=1, groups=factors, bias=False), nn.BatchNorm2d(middle)
        )
        self.widen = ConvBlock(middle, outputs, bias=False)
        self.gate = nn.Sequential(
            ConvBlock(inputs, gate[0]),
            ConvBlock(gate[0], gate[1]),
            nn.Conv2d(gate[1], factors, 1),
            nn.BatchNorm2d(factors),
            nn.Sigmoid(),
        )
        self.factors = factors
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """float (n, inputs, h, w) → the map (n, outputs, h/stride, w/stride), and the switches (n, factors) in 0..1."""
        switches = self.gate(x.mean(dim=(2, 3), keepdim=True))
        y = F.relu(self.grouped(self.narrow(x)))
        y = (y.unflatten(1, (self.factors, -1)) * switches[:, :, None]).flatten(1, 2)
        return F.relu(self.widen(y) + self.shortcut(x)), switches.flatten(1)


class MLFN(Network):
    """1024-d: the mean of what the last map and what all 512 switches project to."""

    def __init__(self, slim: int = 1) -> None:
        super().__init__()
        factors, channels = 32 // slim, 64 // slim
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 7, 2, padding=3), nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)
        )
        self.blocks = nn.ModuleList()
        for number, (count, width, gate) in enumerate(GROUPS):
            for place in range(count):
                stride = 2 if number and not place else 1
                hidden = (gate[0] // slim, gate[1] // slim)
                self.blocks.append(FactorBlock(channels, width // slim, stride, hidden, factors))
                channels = width // slim
        self.dimension = 1024 // slim
        self.heads = (self.dimension,)
        initialise(self)
        self.of_map = Projection(channels, self.dimension, bias=False)
        self.of_switches = Projection(len(self.blocks) * factors, self.dimension, bias=False)

    def start_from_imagenet(self, file: Path) -> None:
        """Loads deep-person-reid's checkpoint (`mlfn-9cb5a267.pth.tar`); torchvision has none of this network.

        Raises:
            BadCheckpoint: it doesn't fit.
        """
        checkpoint = WeightsFile.read(file)
        given = {_name(name): tensor for name, tensor in checkpoint.tensors().items()}
        for name in ("of_map.0.weight", "of_switches.0.weight"):  # 1x1 convolutions there, linear layers here
            if name in given and given[name].ndim == 4:
                given[name] = given[name].flatten(1)
        put(self, checkpoint, given, whose="deep-person-reid's")

    def forward(self, images: Tensor) -> Views:
        x, switches = self.stem(images), []
        for block in self.blocks:
            x, switch = block(x)
            switches.append(switch)
        vector = (self.of_map(mean_pooled(x)) + self.of_switches(torch.cat(switches, dim=1))) / 2
        return Views(vector, [vector], [vector])


def _name(theirs: str) -> str:
    for pattern, ours in NAMES:
        theirs = re.sub(pattern, ours, theirs)
    return theirs
