"""What networks are trained on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from rgbir.index import did_you_mean, listed
from rgbir.training.errors import BadRecipe


def devices() -> dict[str, str]:
    """The devices of this machine by name, with what they are; `cpu` is always there."""
    return dict(_devices())


def _devices() -> Iterator[tuple[str, str]]:
    yield "cpu", "the processor"
    for number in range(torch.cuda.device_count()):
        yield f"cuda:{number}", torch.cuda.get_device_name(number)
    if torch.backends.mps.is_available():
        yield "mps", "Apple's GPU"


def device_named(name: str) -> torch.device:
    """The device of that name; `cuda` is the first one.

    Raises:
        BadRecipe: this machine has none of that name.
    """
    there = devices()
    if name in there or (name == "cuda" and "cuda:0" in there):
        return torch.device(name)
    has = listed([known if known == "cpu" else f"{known} ({what})" for known, what in there.items()])
    meant = (
        did_you_mean("cuda" if name == "gpu" else name, ["cuda", *there]) if name.partition(":")[0] != "cuda" else ""
    )
    no_gpu = f" {_without_cuda()}." if "cuda:0" not in there and (not meant or "cuda" in meant) else ""
    raise BadRecipe(f"no device {name!r} here{meant or '.'}{no_gpu} This machine has {has}; choose with --device")


def _without_cuda() -> str:
    if torch.version.cuda is None and torch.version.hip is None:
        return "This torch was built without CUDA; pytorch.org tells how to install one that was built with it"
    return "This torch was built with CUDA and finds no GPU; nvidia-smi tells whether the driver finds one"


def without_tiles() -> None:
    """Keeps oneDNN from the AMX unit, if it hasn't begun and nobody set `ONEDNN_MAX_CPU_ISA`.

    On an Intel processor with AMX, torch 2.13's bfloat16 kernels gave other losses each time, with one thread, and NaN in five
    runs of twelve. With the AVX-512 ones they are the same to the last bit.
    """
    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the processor on a device, without waiting for what the device was given before.

    A GPU takes values in that order from pinned memory alone. It may be of any shape.
    """
    if device.type == "cuda" and not tensor.is_pinned():
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def constants(values: Sequence[float], device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """(n,) of that type on a device, without waiting for what the device was given before, as `torch.tensor` would."""
    return torch.stack([torch.full((), value, dtype=dtype, device=device) for value in values])
