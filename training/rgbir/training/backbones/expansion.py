"""DEEN's blocks: a map that takes up an earlier one, and a map from which others are derived (beyond.md 3.2).

Source: Zhang, Wang, "Diverse Embedding Expansion Network and Low-Light Cross-Modality Benchmark for Visible-Infrared Person
Re-identification", CVPR 2023.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbir.index import Modality
from rgbir.training.backbones.staged import Staged
from rgbir.training.backbones.stages import Stages, load_parts
from rgbir.training.layers import ByModality, WholeDropout


class Aggregation(nn.Module):
    """MFA: adds to a map what its channels, and then its places, find in an earlier map; the identity at the start.

    Products aren't brought to a sum of 1. The released code folds the halves of each map's channels into two rows before it
    compares places, so that one place stands for two: a cell, and the one half a map below.

    Args:
        high: channels of the map.
        low: channels of the earlier one, even.
        fold: as released; else places are compared one by one.
    """

    def __init__(self, high: int, low: int, fold: bool = True) -> None:
        super().__init__()
        half = low // 2
        self.fold = fold
        self.channel = _projections(high, low, low)
        self.place = _projections(high, low, half)
        self.from_channels, self.from_places = nn.Conv2d(low, high, 1), nn.Conv2d(half, high, 1)
        self.channel_norm, self.place_norm = nn.BatchNorm2d(high), nn.BatchNorm2d(high)
        for norm in (self.channel_norm, self.place_norm):
            nn.init.zeros_(norm.weight)
            nn.init.zeros_(norm.bias)

    def forward(self, x: Tensor, earlier: Tensor) -> Tensor:
        """
        Args:
            x: float (n, high, h, w).
            earlier: float (n, low, s · h, s · w), s = 1 or 2; h · w and its cells are even in number if folded.

        Returns:
            float (n, high, h, w).
        """
        step = -(-earlier.shape[2] // x.shape[2])
        theta, phi, g = self.channel
        attention = (
            theta(x).flatten(2)
            @ phi(earlier[..., ::step, ::step]).flatten(2).transpose(1, 2)
            / self.from_channels.in_channels
        )
        attended = (attention @ g(earlier).flatten(2)).unflatten(2, earlier.shape[2:])
        x = x + self.channel_norm(self.from_channels(attended[..., ::step, ::step]))

        theta, phi, g = self.place
        inner = self.from_places.in_channels
        queries, keys, values = (self._places(part) for part in (theta(x), phi(earlier), g(earlier)))
        attended = (queries.transpose(1, 2) @ keys / keys.shape[2]) @ values.transpose(1, 2)
        attended = attended.transpose(1, 2).reshape(x.shape[0], inner, *x.shape[2:])
        return x + self.place_norm(self.from_places(attended))

    def _places(self, maps: Tensor) -> Tensor:
        """float (n, c, h, w) → (n, c, h · w), or folded (n, 2 c, h · w / 2)."""
        flat = maps.flatten(2)
        return flat.reshape(flat.shape[0], 2 * flat.shape[1], flat.shape[2] // 2) if self.fold else flat


def _projections(high: int, low: int, inner: int) -> nn.ModuleList:
    return nn.ModuleList([nn.Conv2d(high, inner, 1), nn.Conv2d(low, inner, 1), nn.Conv2d(low, inner, 1)])


class Branch(nn.Module):
    """The mean of three dilated convolutions, rectified, and a last one: float (n, channels, h, w) → the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 4
        self.dilated = nn.ModuleList(
            nn.Conv2d(channels, inner, 3, padding=d, dilation=d, bias=False) for d in (1, 2, 3)
        )
        self.out = nn.Conv2d(inner, channels, 1)
        for layer in (*self.dilated, self.out):
            nn.init.kaiming_normal_(layer.get_parameter("weight"))
        nn.init.zeros_(self.out.get_parameter("bias"))

    def forward(self, maps: Tensor) -> Tensor:
        return self.out(F.relu(torch.stack([layer(maps) for layer in self.dilated]).mean(0)))


class Expansion(nn.Module):
    """DEE: derives maps from a map, without norm or shortcut.

    Args:
        channels: of the map, and of each that is derived.
        branches: how many are derived.
        dropout: of all values of all maps.
    """

    def __init__(self, channels: int, branches: int = 2, dropout: float = 0.01) -> None:
        super().__init__()
        self.branches = nn.ModuleList(Branch(channels) for _ in range(branches))
        self.dropout = WholeDropout(dropout)

    def forward(self, maps: Tensor, blocks: int = 1) -> Tensor:
        """float (n, channels, h, w) → float ((1 + branches) · n, channels, h, w): the map's rows, then each branch's.

        `blocks` stand after each other in the rows, such as those of RGB and of IR images.
        """
        derived = [branch(maps) for branch in self.branches]
        if blocks == 1:
            return self.dropout(torch.cat([maps, *derived]))
        return torch.cat([self.dropout(part) for each in (maps, *derived) for part in each.chunk(blocks)])


class ExpandingStreams(nn.Module):
    """Stage 0 for each modality, the others shared; each takes up the map before it, and the last sees derived maps, too.

    Args:
        backbone: what to copy.
        last: the last stage.
        aggregates: whether maps take up earlier ones.
        fold: see `Aggregation`.
        branches: how many maps are derived of each.
    """

    def __init__(
        self, backbone: Staged, last: int = 4, aggregates: bool = True, fold: bool = True, branches: int = 2
    ) -> None:
        super().__init__()
        self.stems = ByModality(Stages(backbone, 0, 0), Stages(backbone, 0, 0))
        self.stages = nn.ModuleList(Stages(backbone, stage, stage) for stage in range(1, last + 1))
        widths = [backbone.width(stage) for stage in range(last + 1)]
        self.aggregations = nn.ModuleList(
            Aggregation(high, low, fold) if aggregates else nn.Identity()
            for high, low in zip(widths[1:-1], widths, strict=False)
        )
        self.expansion = Expansion(widths[-2], branches)
        self.aggregates, self.channels = aggregates, widths[-1]

    def forward(self, images: Tensor, modality: Modality) -> Tensor:
        """float32 (n, 3, h, w), normalised, all of that modality → float ((1 + branches) · n, channels, …)."""
        return self._from_stems(self.stems(images, modality))

    def both(self, rgb: Tensor, ir: Tensor) -> Tensor:
        """Maps of the RGB images and of the IR images, then those that each branch derives of them, in this order.

        Args:
            rgb, ir: float32 (n, 3, h, w), normalised.

        Returns:
            float ((1 + branches) · 2 n, channels, …).
        """
        return self._from_stems(torch.cat([self.stems(rgb, Modality.RGB), self.stems(ir, Modality.IR)]), blocks=2)

    def _from_stems(self, x: Tensor, blocks: int = 1) -> Tensor:
        *stages, last = self.stages
        for stage, aggregation in zip(stages, self.aggregations, strict=True):
            earlier, x = x, stage(x)
            x = aggregation(x, earlier) if self.aggregates else x
        maps: Tensor = last(self.expansion(x, blocks))
        return maps

    def start_from_imagenet(self, whole: Staged, file: Path) -> None:
        """`whole` is a backbone of the same kind to read the file into.

        Raises:
            BadCheckpoint: it doesn't fit.
        """
        load_parts((self.stems.rgb, self.stems.ir, *self.stages), whole, file)
