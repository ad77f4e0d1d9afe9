"""Reading an ImageNet checkpoint from a file."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from rgbir.training.errors import BadCheckpoint

UNUSED = ("fc.", "classifier.")
"""What classifies ImageNet's thousand kinds in torchvision's networks."""


def load_imagenet(backbone: nn.Module, file: Path, unused: tuple[str, ...] = UNUSED) -> None:
    """Loads weights into the backbone. The classifier and counters of batches are not needed.

    Args:
        backbone: its parameter names are torchvision's.
        file: a state dict as torchvision publishes it (`resnet50-19c8e357.pth`), or the same as `.safetensors`.
        unused: beginnings of names to leave out.

    Raises:
        BadCheckpoint: no such file, not a state dict, keys or shapes of another network; the backbone is untouched.
    """
    given = {_modern(name): value for name, value in read_checkpoint(file).items() if not name.startswith(unused)}
    expected = backbone.state_dict()
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    missing = sorted(expected.keys() - given.keys() - counters)
    unknown = sorted(given.keys() - expected.keys())
    shapes = [
        f"{name}: {tuple(expected[name].shape)} expected, {tuple(given[name].shape)} in the file"
        for name in sorted(given.keys() & expected.keys())
        if given[name].shape != expected[name].shape
    ]
    if missing or unknown or shapes:
        problems = [*_named("missing", missing), *_named("unknown", unknown), *_named("of another shape", shapes)]
        kind = type(backbone).__name__
        raise BadCheckpoint(
            f"{file} does not fit {kind}: {'; '.join(problems)}. Expected torchvision's weights of this network"
        )
    backbone.load_state_dict(given, strict=False)


def _modern(name: str) -> str:
    """DenseNet's published checkpoint says `denselayer1.norm.1`, its code `denselayer1.norm1`."""
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", name)


def read_checkpoint(file: Path) -> dict[str, Tensor]:
    """A state dict from a file: tensors of any shape by name. Nothing else is ever unpickled.

    Raises:
        BadCheckpoint: no such file, or not a state dict.
    """
    if not file.is_file():
        raise BadCheckpoint(f"{file} is not a file; download the checkpoint first, nothing is fetched here")
    try:
        content = (
            load_file(file)
            if file.suffix == ".safetensors"
            else torch.load(file, map_location="cpu", weights_only=True)
        )
    except Exception as error:  # pickle, zip and safetensors raise many kinds on a foreign file
        raise BadCheckpoint(f"{file} is no checkpoint that can be read safely: {error}") from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise BadCheckpoint(f"{file}: expected a state dict (names to tensors), got {type(content).__name__}")
    return content


def _named(what: str, names: list[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return [f"{len(names)} {what} ({', '.join(names[:4])}{more})"]
