"""MSCM's blocks: the channels of a deep map attend to those of a shallower one (beyond.md 12.1).

Source: Hua, Cheng, Lu, Tu, Wang, Wang, "MSCMNet: Multi-scale Semantic Correlation Mining for Visible-Infrared Person
Re-Identification", Pattern Recognition 2025.
"""

from __future__ import annotations

from math import gcd
from typing import Literal

import torch
from torch import Tensor, nn

from rgbir.training.backbones.staged import Staged
from rgbir.training.backbones.stages import Stages, map_shapes, non_local_blocks
from rgbir.training.errors import BadRecipe

HEADS = 32
HIDDEN = 4
"""How many times wider the middle of the perceptron is than its ends."""


class CrossScaleTrunk(nn.Module):
    """Stages 1 to 4 of a backbone with AGW's non-local blocks, half as wide as their maps, and these blocks before the last stage.

    Args:
        backbone: what to copy.
        height, width: of the images, in pixels; with blocks, multiples of 16.
        blocks: none, the one that sees the map of stage 3 alone, or also those that see the maps of stages 0, 1 and 2.
        residual: of the blocks.

    Raises:
        BadRecipe: the blocks don't take images of that size.
    """

    def __init__(
        self, backbone: Staged, height: int, width: int, blocks: Literal["off", "last", "all"], residual: bool = False
    ) -> None:
        super().__init__()
        if blocks != "off" and (height % 16 or width % 16):
            raise BadRecipe(
                f"the blocks of MSCM take heights and widths of multiples of 16, not {height}x{width}; or set mscm.blocks=off"
            )
        attended = non_local_blocks(backbone, "half")
        self.stages = nn.ModuleList(
            [Stages(backbone, n, n, {at: block for at, block in attended.items() if at[0] == n}) for n in range(1, 5)]
        )
        *shallow, deep, _ = map_shapes(backbone, height, width)
        beside = [*shallow, None][{"off": 4, "last": 3, "all": 0}[blocks] :]
        self.blocks = nn.ModuleList([CrossScale(deep, shape, residual) for shape in beside])

    def forward(self, x: Tensor) -> Tensor:
        """From maps of stage 0 to those of stage 4: float (n, channels, h, w) → float (n, channels, h, w)."""
        maps = [x]
        for stage in self.stages[:3]:
            maps.append(stage(maps[-1]))
        z = maps[3]
        for place, block in enumerate(self.blocks):
            z = block(z, maps[place])
        return self.stages[3](z)


class CrossScale(nn.Module):
    """From a map z, and a shallower map x or none, to a map of z's shape; nothing of z goes round it.

    A token is a channel: all cells of one map. With t of z and s of x, both reduced to a quarter of z's channels and
    normalised: t + 0.1 s, then plus the attention of s to s over t, then plus a perceptron of two layers. Without x the
    tokens attend to themselves. It takes maps of one size.

    Args:
        deep: channels, height and width of z.
        shallow: those of x; its height and width are the same multiple of z's.
        residual: whether z is added to the result, which the released network doesn't.
    """

    def __init__(
        self, deep: tuple[int, int, int], shallow: tuple[int, int, int] | None = None, residual: bool = False
    ) -> None:
        super().__init__()
        channels, self.height, width = deep
        tokens, cells = channels // 4, self.height * width
        self.residual = residual
        self.reduce, self.expand = nn.Conv2d(channels, tokens, 1), nn.Conv2d(tokens, channels, 1)
        self.norm, self.norm_of_mlp = Norm(cells), Norm(cells)
        self.down = self.norm_of_shallow = None
        if shallow is not None:
            stride = shallow[1] // self.height
            self.down = nn.Conv2d(shallow[0], tokens, stride + 2, stride, padding=stride // 2)
            self.norm_of_shallow = Norm(cells)
        self.attention = Attention(cells)
        self.mlp = nn.Sequential(nn.Linear(cells, HIDDEN * cells), QuickGelu(), nn.Linear(HIDDEN * cells, cells))

    def forward(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        """z: float (n, channels, h, w). x: float (n, channels of x, h · k, w · k), if it takes one. Of z's shape."""
        t = self.norm(self.reduce(z).flatten(2))
        if self.down is not None and self.norm_of_shallow is not None:
            s = self.norm_of_shallow(self.down(x).flatten(2))
            t = t + 0.1 * s
            t = t + self.attention(s, t)
        else:
            t = t + self.attention(t, t)
        t = t + self.mlp(self.norm_of_mlp(t))
        out = self.expand(t.unflatten(2, (self.height, -1)))
        return z + out if self.residual else out


class Attention(nn.Module):
    """Tokens attend to tokens by 32 heads, or by as many of them as divide the cells: queries and keys of one, values of another.

    Its weights start as those of torch's `MultiheadAttention`, whose formula it has.
    """

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.heads = gcd(HEADS, cells)
        self.inputs = nn.ModuleList([nn.Linear(cells, cells) for _ in range(3)])
        self.output = nn.Linear(cells, cells)
        for layer in self.inputs:
            assert isinstance(layer, nn.Linear)
            nn.init.uniform_(
                layer.weight, -((1.5 / cells) ** 0.5), (1.5 / cells) ** 0.5
            )  # Xavier's, of all three together
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.output.bias)

    def forward(self, looking: Tensor, values: Tensor) -> Tensor:
        """looking, values: float (n, tokens, cells) → the same."""
        q, k, v = (
            layer(tokens).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for layer, tokens in zip(self.inputs, (looking, looking, values), strict=True)
        )
        weights = (q @ k.transpose(2, 3) * q.shape[3] ** -0.5).softmax(dim=3)
        return self.output((weights @ v).transpose(1, 2).flatten(2))


class Norm(nn.LayerNorm):
    """Layer norm in float32 or better, whatever the network's precision: float (…, cells) → the same."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.to(self.weight.dtype)).to(x.dtype)


class QuickGelu(nn.Module):
    """u · sigmoid(1.702 u), of any shape."""

    def forward(self, u: Tensor) -> Tensor:
        return u * (1.702 * u).sigmoid()
