"""MGN: the whole body, its halves and its thirds, each seen by a branch of its own.

Source: Wang et al., "Learning Discriminative Features with Multiple Granularities for Person Re-Identification",
ACM Multimedia 2018.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor, nn

from rgbir.training.backbones import Stages, load_imagenet
from rgbir.training.backbones.resnet import ResNet50, initialise
from rgbir.training.networks.whole import ConvBlock, Network, Views, max_pooled, stripes


class MGN(Network):
    """2048-d: eight vectors of 256. The branches part after the first bottleneck of layer 3.

    Pooling is by maximum, as in MGN's paper; the first branch alone halves the resolution in layer 4.
    """

    CUTS = (1, 2, 3)

    def __init__(self, slim: int = 1) -> None:
        super().__init__()
        self.slim = slim
        whole = self._whole()
        self.stem = Stages(whole, 0, 2)
        self.first = deepcopy(whole.layer3[0])
        self.branches = nn.ModuleList(self._branch(last_stride=2 if cuts == 1 else 1) for cuts in self.CUTS)
        self.views = sum(1 if cuts == 1 else 1 + cuts for cuts in self.CUTS)
        self.width = 256 // slim
        self.reduce = nn.ModuleList(ConvBlock(whole.channels, self.width, bias=False) for _ in range(self.views))
        for reduce in self.reduce:
            initialise(reduce)
        self.dimension = self.views * self.width
        self.heads = (self.width,) * self.views

    def _whole(self, last_stride: int = 1) -> ResNet50:
        return ResNet50(last_stride, width=64 // self.slim)

    def _branch(self, last_stride: int) -> nn.Module:
        whole = self._whole(last_stride)
        return nn.Sequential(*list(whole.layer3)[1:], *whole.layer4)

    def start_from_imagenet(self, file: Path) -> None:
        whole = self._whole()
        load_imagenet(whole, file)
        self.stem.load_from(whole)
        self.first.load_state_dict(whole.layer3[0].state_dict())
        for branch in self.branches:
            branch.load_state_dict(nn.Sequential(*list(whole.layer3)[1:], *whole.layer4).state_dict())

    def forward(self, images: Tensor) -> Views:
        x = self.first(self.stem(images))
        pooled = []
        for cuts, branch in zip(self.CUTS, self.branches, strict=True):
            maps = branch(x)
            pooled.append(max_pooled(maps))
            if cuts > 1:
                pooled += [max_pooled(stripe) for stripe in stripes(maps, cuts)]
        vectors = [
            reduce(vector[..., None, None]).flatten(1) for reduce, vector in zip(self.reduce, pooled, strict=True)
        ]
        embedding = torch.cat(vectors, dim=1)
        return Views(embedding, [embedding], vectors)
