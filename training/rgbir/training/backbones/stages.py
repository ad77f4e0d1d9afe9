"""A run of a backbone's stages as a network of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from rgbir.index import Modality
from rgbir.training.backbones.pretrained import load_imagenet
from rgbir.training.backbones.staged import Staged
from rgbir.training.layers import ByModality, ModalityAlleviation, NonLocal


class Stages(nn.Module):
    """Stages `first` to `last` of a backbone, 0 to 4; a copy, so that two modalities may have one each.

    Stage 0 is what comes before the first residual stage. `after` holds modules to apply after a block of a stage:
    `{(2, 1): module}` after the second block of stage 2.
    """

    def __init__(
        self,
        backbone: Staged,
        first: int,
        last: int,
        after: Mapping[tuple[int, int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.first, self.last = first, last
        self.part = deepcopy(backbone)
        self.part.keep(first, last)
        self.after = nn.ModuleDict({_key(*place): module for place, module in (after or {}).items()})

    def forward(self, x: Tensor) -> Tensor:
        """float (n, channels, h, w) → the same of the last stage; images, normalised, if the first is stage 0."""
        if self.first == 0:
            x = self.part.stage0(x)
        for stage in range(max(self.first, 1), self.last + 1):
            for place, block in enumerate(self.part.blocks(stage)):
                x = block(x)
                if _key(stage, place) in self.after:
                    x = self.after[_key(stage, place)](x)
        return x

    def load_from(self, backbone: nn.Module) -> None:
        """Takes the weights of these stages from a whole backbone of the same kind."""
        given = backbone.state_dict()
        self.part.load_state_dict({name: given[name] for name in self.part.state_dict()})


class Stems(nn.Module):
    """A stem for each view of one modality, or one for all: float32 (views, n, 3, h, w) → float (views · n, channels, …)."""

    def __init__(self, backbone: Staged, count: int) -> None:
        super().__init__()
        self.stems = nn.ModuleList([Stages(backbone, 0, 0) for _ in range(count)])

    def forward(self, images: Tensor) -> Tensor:
        last = len(self.stems) - 1
        return torch.cat([self.stems[min(place, last)](view) for place, view in enumerate(images)])


class TwoStreams(nn.Module):
    """Stages up to `split` for each modality, the others shared; `split` 4 shares none.

    Args:
        backbone: what to copy.
        split: 0 to 4.
        after: modules for the shared stages, see `Stages`.
    """

    def __init__(
        self,
        backbone: Staged,
        split: int,
        after: Mapping[tuple[int, int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        # Runs keep their weights under this name: with another, earlier ones would not load.
        self.own = ByModality(Stages(backbone, 0, split), Stages(backbone, 0, split))
        self.shared: nn.Module = Stages(backbone, split + 1, 4, after) if split < 4 else nn.Identity()

    def forward(self, images: Tensor, modality: Modality) -> Tensor:
        """float32 (n, 3, h, w), normalised, all of that modality → float (n, channels, h/16, w/16)."""
        return self.shared(self.own(images, modality))

    def both(self, rgb: Tensor, ir: Tensor) -> Tensor:
        """Maps of the RGB images and then of the IR images; all of them share a forward pass of the shared stages.

        Args:
            rgb: float32 (n, 3, h, w), normalised.
            ir: float32 (m, 3, h, w), normalised.

        Returns:
            float (n + m, channels, h/16, w/16).
        """
        return self.shared(torch.cat([self.own(rgb, Modality.RGB), self.own(ir, Modality.IR)]))

    def start_from_imagenet(self, whole: Staged, file: Path) -> None:
        """`whole` is a backbone of the same kind to read the file into.

        Raises:
            BadCheckpoint: it doesn't fit.
        """
        shared = [self.shared] if isinstance(self.shared, Stages) else []
        load_parts((self.own.rgb, self.own.ir, *shared), whole, file)


def load_parts(parts: Iterable[nn.Module], whole: Staged, file: Path) -> None:
    """Starts each part from its share of an ImageNet checkpoint; `whole` is a backbone to read it into.

    Raises:
        BadCheckpoint: it doesn't fit.
    """
    load_imagenet(whole, file)
    for part in parts:
        assert isinstance(part, Stages)
        part.load_from(whole)


def _key(stage: int, place: int) -> str:
    return f"stage{stage}_block{place}"


def map_shapes(backbone: Staged, height: int, width: int) -> list[tuple[int, int, int]]:
    """Channels, height and width of the maps after stages 0 to 4, of images of that size; nothing is computed."""
    x, shapes = torch.empty(1, 3, height, width, device="meta"), []
    for stage in range(len(backbone.PARTS)):
        x = Stages(backbone, stage, stage).to("meta").eval()(x)
        shapes.append((x.shape[1], x.shape[2], x.shape[3]))
    return shapes


def last_blocks(backbone: Staged, stage: int, count: int) -> list[tuple[int, int]]:
    """The places of the last `count` blocks of a stage."""
    total = len(backbone.blocks(stage))
    return [(stage, place) for place in range(max(0, total - count), total)]


def non_local_blocks(backbone: Staged, inner: Literal["half", "one"]) -> dict[tuple[int, int], nn.Module]:
    """As AGW places them: after the last two blocks of stage 2 and the last three of stage 3.

    inner: their hidden channels, half of the map's, or 1 as in AGW's code.
    """
    made: dict[tuple[int, int], nn.Module] = {}
    for stage, count in ((2, 2), (3, 3)):
        channels = backbone.width(stage)
        for place in last_blocks(backbone, stage, count):
            made[place] = NonLocal(channels, channels // 2 if inner == "half" else 1)
    return made


def alleviations(backbone: Staged, count: int) -> dict[tuple[int, int], nn.Module]:
    """As MPANet places them: after stage 3, and after stage 4 where there are two of them; for `after` of `Stages`."""
    made: dict[tuple[int, int], nn.Module] = {}
    for stage in (3, 4)[:count]:
        made |= {place: ModalityAlleviation(backbone.width(stage)) for place in last_blocks(backbone, stage, 1)}
    return made
