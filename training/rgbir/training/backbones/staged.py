"""What every backbone is that methods part into stages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn


class Staged(nn.Module, ABC):
    """From images to a map, in five stages; stage 0 is what comes before the first residual block.

    From float32 (n, inputs, h, w), normalised, to float (n, channels, h/16, w/16), or h/32, w/32 with a `last_stride` of 2.
    """

    FIRST: ClassVar[str]
    """Its first layer's weight."""

    PARTS: ClassVar[tuple[tuple[str, ...], ...]]
    """The submodules of each stage."""

    channels: int
    """Of the map."""

    @abstractmethod
    def stage0(self, images: Tensor) -> Tensor:
        """float32 (n, inputs, h, w), normalised → float (n, some channels, h/2, w/2), or h/4, w/4."""

    @abstractmethod
    def blocks(self, stage: int) -> Sequence[nn.Module]:
        """The blocks of a stage, 1 to 4, in the order in which images go through them."""

    def forward(self, images: Tensor) -> Tensor:
        """float32 (n, inputs, h, w), normalised → float (n, channels, h/16, w/16)."""
        x = self.stage0(images)
        for stage in range(1, len(self.PARTS)):
            for block in self.blocks(stage):
                x = block(x)
        return x

    def width(self, stage: int) -> int:
        """Channels that a stage, 0 to 4, gives."""
        last = self.blocks(stage)[-1] if stage else nn.ModuleList(map(self.get_submodule, self.PARTS[0]))
        norms = [module for module in last.modules() if isinstance(module, nn.BatchNorm2d)]
        return norms[-1].num_features

    def keep(self, first: int, last: int) -> None:
        """Removes all stages but these and those between them."""
        for stage, parts in enumerate(self.PARTS):
            if not first <= stage <= last:
                for part in parts:
                    parent, _, name = part.rpartition(".")
                    delattr(self.get_submodule(parent), name)
