"""Starting from a checkpoint that was trained on ImageNet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from rgbir.training.errors import BadCheckpoint
from rgbir.training.weights.fitting import misfits
from rgbir.training.weights.reading import WeightsFile

UNUSED = ("fc.", "classifier.")
"""What classifies ImageNet's thousand kinds in torchvision's networks."""


def load_imagenet(backbone: nn.Module, file: Path, unused: tuple[str, ...] = UNUSED) -> None:
    """Loads weights into the backbone. The classifier and counters of batches are not needed.

    Args:
        backbone: its parameter names are torchvision's.
        file: a state dict as torchvision publishes it (`resnet50-19c8e357.pth`), or the same as `.safetensors`, plain or
            in a container.
        unused: beginnings of names to leave out.

    Raises:
        BadCheckpoint: no such file, not a state dict, keys or shapes of another network; the backbone is untouched.
    """
    put(backbone, WeightsFile.read(file), unused=unused)


def put(
    backbone: nn.Module,
    file: WeightsFile,
    tensors: Mapping[str, Tensor] | None = None,
    unused: tuple[str, ...] = UNUSED,
    whose: str = "torchvision's",
) -> None:
    """Loads a file that was read into the backbone.

    Args:
        backbone: the network; untouched if the file doesn't fit.
        file: where the tensors come from.
        tensors: of any shape by the backbone's own names; the file's, if not given.
        unused: beginnings of names to leave out.
        whose: weights are expected.

    Raises:
        BadCheckpoint: keys or shapes of another network.
    """
    named = file.tensors() if tensors is None else tensors
    given = {_modern(name): value for name, value in named.items() if not name.startswith(unused)}
    apart = misfits(backbone.state_dict(), given)
    if apart:
        kind = type(backbone).__name__
        raise BadCheckpoint(
            f"{file.path} does not fit {kind}: {apart}. Expected {whose} weights of this network; found {file.summary()}"
        )
    backbone.load_state_dict(given, strict=False)


def _modern(name: str) -> str:
    """DenseNet's published checkpoint says `denselayer1.norm.1`, its code `denselayer1.norm1`."""
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", name)
