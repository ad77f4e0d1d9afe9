"""HA-CNN: a global and a local view of the body, guided by soft and by hard attention.

Source: Li, Zhu, Gong, "Harmonious Attention Network for Person Re-Identification", CVPR 2018; sizes as in torchreid.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.training.backbones.resnet import initialise
from rgbir.training.layers import Projection, unit
from rgbir.training.networks.whole import Branches, ConvBlock, Network, Views, mean_pooled

REGIONS = 4


def inception(inputs: int, outputs: int) -> nn.Module:
    """Four branches side by side; the resolution stays."""
    quarter = outputs // 4
    three = [nn.Sequential(ConvBlock(inputs, quarter), ConvBlock(quarter, quarter, 3)) for _ in range(3)]
    return Branches(*three, nn.Sequential(nn.AvgPool2d(3, 1, padding=1), ConvBlock(inputs, quarter)))


def halving(inputs: int, outputs: int) -> nn.Module:
    """Three branches side by side, at half the resolution."""
    quarter = outputs // 4
    return Branches(
        nn.Sequential(ConvBlock(inputs, quarter), ConvBlock(quarter, quarter, 3, 2)),
        nn.Sequential(ConvBlock(inputs, quarter), ConvBlock(quarter, quarter, 3), ConvBlock(quarter, quarter, 3, 2)),
        nn.Sequential(nn.MaxPool2d(3, 2, padding=1), ConvBlock(inputs, 2 * quarter)),
    )


class SoftAttention(nn.Module):
    """A weight in 0..1 for each channel and position: where times what (section 3.1.I).

    From maps float (n, channels, h, w) to weights of the same shape.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.where = ConvBlock(1, 1, 3, 2)
        self.rescale = ConvBlock(1, 1)
        self.what = nn.Sequential(
            ConvBlock(channels, channels // reduction), ConvBlock(channels // reduction, channels)
        )
        self.mix = ConvBlock(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        where = self.where(x.mean(dim=1, keepdim=True))
        where = self.rescale(_resized(where, (2 * where.shape[2], 2 * where.shape[3])))
        what = self.what(x.mean(dim=(2, 3), keepdim=True))
        return torch.sigmoid(self.mix(where * what))


class HardAttention(nn.Module):
    """The centres of four regions, float (n, 4, 2) of x and y in -1..1; at first four bands of the body (3.1.II).

    They are seen in a map float (n, channels, h, w).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.place = nn.Linear(channels, REGIONS * 2)
        nn.init.zeros_(self.place.weight)
        with torch.no_grad():
            self.place.bias.copy_(torch.tensor([0, -0.75, 0, -0.25, 0, 0.25, 0, 0.75]))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.place(mean_pooled(x))).unflatten(1, (REGIONS, 2))


class HACNN(Network):
    """1024-d: 512 of the whole body and 512 of four regions, each half of length 1; from images of 160x64 only.

    A ranking loss reads each half by itself, before it is made a unit vector, and is their mean, as in torchreid. It has no
    weights from ImageNet.
    """

    size = (160, 64)
    ranking = "mean"
    REGION_SIZES = ((24, 28), (12, 14), (6, 7))

    def __init__(self, slim: int = 1) -> None:
        super().__init__()
        widths = (32 // slim, *(width // slim for width in (128, 256, 384)))
        self.stem = ConvBlock(3, widths[0], 3, 2)
        steps = list(pairwise(widths))
        self.whole = nn.ModuleList(nn.Sequential(inception(a, b), halving(b, b)) for a, b in steps)
        self.soft = nn.ModuleList(SoftAttention(b) for _, b in steps)
        self.hard = nn.ModuleList(HardAttention(b) for _, b in steps)
        self.local = nn.ModuleList(halving(a, b) for a, b in steps)
        for part in (self.stem, self.whole, self.soft, self.local):
            initialise(part)
        half = 512 // slim
        self.of_whole = Projection(widths[-1], half)
        self.of_regions = Projection(widths[-1] * REGIONS, half)
        self.dimension, self.heads = 2 * half, (half, half)

    def forward(self, images: Tensor) -> Views:
        x = self.stem(images)
        regions: list[Tensor] = []
        for whole, soft, hard, local, size in zip(
            self.whole, self.soft, self.hard, self.local, self.REGION_SIZES, strict=True
        ):
            seen = whole(x)
            places = hard(seen)
            cut = [_resized(_region(x, places[:, i]), size) for i in range(REGIONS)]
            regions = (
                [local(c + before) for c, before in zip(cut, regions, strict=True)]
                if regions
                else list(map(local, cut))
            )
            x = seen * soft(seen)
        body = self.of_whole(mean_pooled(x))
        parts = self.of_regions(torch.cat([mean_pooled(region) for region in regions], dim=1))
        embedding = torch.cat([unit(body), unit(parts)], dim=1)
        return Views(embedding, [body, parts], [body, parts])


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x, size, mode="bilinear", align_corners=True)


def _region(x: Tensor, centre: Tensor) -> Tensor:
    """A band of full width and a quarter of the height around (x, y) in -1..1, (n, 2); outside the map is 0."""
    rows = 0.25 * torch.linspace(-1, 1, x.shape[2], device=x.device)
    columns = torch.linspace(-1, 1, x.shape[3], device=x.device)
    y, across = torch.meshgrid(rows, columns, indexing="ij")
    grid = torch.stack([across, y], dim=-1)[None] + centre[:, None, None, :]
    return F.grid_sample(x, grid.to(x.dtype), align_corners=True)
