"""Reads one file that `torch.save` wrote, in the process with limits that `reading.py` starts for it.

`answer` writes two files into a folder: `tensors.safetensors` with the tensors by number, and `content.json`, in which a
dictionary is one, a tensor is its number, and anything else is the name of its kind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

DEPTH, ENTRIES = 8, 100_000
"""Dictionaries in dictionaries, and entries of all dictionaries together, that are followed."""


class Passed:
    """Stands in for whatever NumPy would make of a file's numbers: it takes all arguments and keeps none.

    A checkpoint often holds NumPy's arrays and scalars beside its weights (AGW's holds its accuracies). NumPy's own
    functions would believe what the file says of them, so nothing in the file reaches these.
    """

    def __new__(cls, *parts: object) -> Passed:
        return super().__new__(cls)

    def __init__(self, *parts: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


_MULTIARRAY = [f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("_reconstruct", "scalar")]
ALLOWED: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (Passed, name) for name in ("numpy.ndarray", "numpy.dtype", *_MULTIARRAY)
]
"""The four names that a file may use beside torch's own, two of them as NumPy 1 and as NumPy 2 spell them."""


def unpickled(file: Path) -> object:
    """What the file holds: tensors and plain values; nothing else is made, and nothing in it is run.

    Raises:
        Exception: of many kinds, if it is damaged, or holds more than that.
    """
    with torch.serialization.safe_globals(ALLOWED):
        content: object = torch.load(file, map_location="cpu", weights_only=True)  # noqa: TID251  # the place for it
    return content


def outline(content: object, tensors: list[Tensor]) -> Any:
    """The content as JSON can say it; its tensors, of any shape, are appended to `tensors`.

    Raises:
        ValueError: more entries than a network has.
    """
    counted = 0

    def outlined(value: object, depth: int) -> Any:
        nonlocal counted
        if isinstance(value, Tensor):
            if value.layout is not torch.strided or value.is_quantized or value.is_complex():
                return f"tensor of {value.dtype}, {value.layout}"
            tensors.append(value.detach())
            return len(tensors) - 1
        # What is counted by numbers, such as an optimiser's state, is no part of a network.
        if isinstance(value, Mapping) and depth < DEPTH and all(isinstance(key, str) for key in value):
            counted += len(value)
            if counted > ENTRIES:
                raise ValueError(f"it has more than {ENTRIES:,} entries, which no network has")
            return {key: outlined(inner, depth + 1) for key, inner in value.items()}
        return "NumPy's" if isinstance(value, Passed) else type(value).__name__

    return outlined(content, 0)


def answer(file: Path, folder: Path) -> None:
    """Writes what the file holds into the folder, with one thread.

    Raises:
        Exception: of many kinds; see `unpickled`.
    """
    torch.set_num_threads(1)
    tensors: list[Tensor] = []
    content = outline(unpickled(file), tensors)
    copies = {str(number): tensor.clone(memory_format=torch.contiguous_format) for number, tensor in enumerate(tensors)}
    save_file(copies, folder / "tensors.safetensors")
    (folder / "content.json").write_text(json.dumps(content), encoding="utf-8")
