"""Files of weights that others made, or an earlier run: what is in them, as tensors by name.

No code in a file is ever run. A file that `torch.save` wrote is read in a process of its own (`child.py`), with a limit
on memory and on time; one of safetensors holds nothing but tensors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors.torch import load_file
from torch import Tensor

from rgbir.index import Limits, Unreadable, listed, read_apart
from rgbir.training.errors import BadCheckpoint
from rgbir.training.weights import child
from rgbir.training.weights.fitting import COUNTER, NAMED

Content: TypeAlias = "Mapping[str, Tensor | str | Content]"
"""Tensors and dictionaries of them by name; of anything else the name of its kind."""

WRAPPERS = ("net", "state_dict", "model", "model_state_dict", "network", "method")
"""What trainers call the network among the other things that they save; the last is our own checkpoints' name."""
PREFIXES = ("module.", "_orig_mod.")
"""What `DataParallel` and `torch.compile` put before every name."""
SHOWN = 8
"""Entries of a file that an error names."""


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A file of weights that was read.

    Attributes:
        path: where it lies.
        content: what is in it.
    """

    path: Path
    content: Content

    @classmethod
    def read(cls, path: Path, limits: Limits | None = None) -> WeightsFile:
        """Reads `.pth`, `.pt`, `.t`, `.tar` and whatever else `torch.save` wrote, or `.safetensors`.

        Raises:
            BadCheckpoint: no such file; one that is damaged, that would have to run code, or that takes too much.
        """
        if not path.is_file():
            raise BadCheckpoint(f"{path} is not a file; download the checkpoint first, nothing is fetched here")
        if path.suffix == ".safetensors":
            try:
                return cls(path, load_file(path))
            except Exception as error:  # safetensors raises its own kinds
                raise BadCheckpoint(f"{path} is no checkpoint that can be read safely: {error}") from error
        return cls(path, _apart(path, limits or Limits()))

    def tensors(self) -> dict[str, Tensor]:
        """The network's tensors, of any shape, by name: out of what they are wrapped in, without what precedes all names.

        Raises:
            BadCheckpoint: there are none, or values that aren't finite.
        """
        content = self.content
        while (inner := next(_wrapped(content), None)) is not None:
            content = inner
        return self._checked("", content)

    def parts(self, names: tuple[str, ...]) -> dict[str, Tensor]:
        """The tensors, of any shape, of a file that holds a dictionary for each module; as `module.tensor`.

        Args:
            names: of the modules.

        Raises:
            BadCheckpoint: a module isn't there, or has no tensors, or values that aren't finite.
        """
        modules = {name: self.content.get(name) for name in names}
        missing = [name for name, content in modules.items() if not isinstance(content, Mapping)]
        if missing:
            raise BadCheckpoint(f"{self.path}: expected dictionaries {listed(names)}; found {self.summary()}")
        return {
            f"{module}.{name}": tensor
            for module, content in modules.items()
            if isinstance(content, Mapping)
            for name, tensor in self._checked(f"{module}.", content).items()
        }

    def summary(self) -> str:
        """What is in the file, in words: its first entries, and its first tensors."""
        entries = [f"{name} ({_kind(value)})" for name, value in self.content.items() if not isinstance(value, Tensor)]
        words = [f"at its top level {listed(entries, most=SHOWN)}"] if entries else []
        names = list(_names(self.content))
        first = [name for name in names if not name.endswith(COUNTER)] or names
        return "; ".join([*words, f"{len(names)} tensors: {listed(first, most=NAMED)}" if names else "no tensors"])

    def _checked(self, before: str, content: Content) -> dict[str, Tensor]:
        tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
        if not tensors:
            raise BadCheckpoint(
                f"{self.path}: expected a network's tensors by name, plain or under {listed(WRAPPERS, 'or')};"
                f" found {self.summary()}"
            )
        damaged = [
            before + name
            for name, tensor in tensors.items()
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all())
        ]
        if damaged:
            raise BadCheckpoint(
                f"{self.path}: {listed(damaged, most=NAMED)} {'has' if len(damaged) == 1 else 'have'} values that are NaN or"
                " infinite; the file is damaged, or its training failed"
            )
        while prefix := next((p for p in PREFIXES if all(name.startswith(p) for name in tensors)), None):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
        return tensors


def _wrapped(content: Content) -> Iterator[Content]:
    for name in WRAPPERS:
        inner = content.get(name)
        if isinstance(inner, Mapping):
            yield inner


def _names(content: Content, before: str = "") -> Iterator[str]:
    for name, value in content.items():
        if isinstance(value, Tensor):
            yield before + name
        elif isinstance(value, Mapping):
            yield from _names(value, f"{before}{name}: ")


def _kind(value: object) -> str:
    return f"a dictionary of {len(value)}" if isinstance(value, Mapping) else str(value)


def _apart(path: Path, limits: Limits) -> Content:
    """The content of a file that `torch.save` wrote, read by a process of its own.

    Raises:
        BadCheckpoint: it can't be read safely.
    """
    try:
        with read_apart(child.__name__, path, limits) as folder:
            tensors = load_file(folder / "tensors.safetensors")
            content = json.loads((folder / "content.json").read_text(encoding="utf-8"))
    except Unreadable as error:
        raise _unsafe(path, _in_words(error) if error.kind else str(error)) from None
    if not isinstance(content, dict):
        kind = "a single tensor" if isinstance(content, int) else f"a {content}"
        raise BadCheckpoint(f"{path}: expected a state dict (names to tensors), got {kind}")
    return _with(content, tensors)


def _with(content: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Content:
    """Tensors in the place of their numbers."""
    return {
        name: _with(value, tensors)
        if isinstance(value, dict)
        else tensors[str(value)]
        if isinstance(value, int)
        else str(value)
        for name, value in content.items()
    }


def _unsafe(path: Path, why: str) -> BadCheckpoint:
    return BadCheckpoint(f"{path} is no checkpoint that can be read safely: {why}")


def _in_words(error: Unreadable) -> str:
    """What torch says of a file, without its advice to run the file's code."""
    kind, text = error.kind, error.text
    if named := re.search(r"GLOBAL (\S+)", text):
        return (
            f"it holds more than tensors ({named[1]}), which would have to be run to be read; ask for its state dict, or"
            " for the same as safetensors"
        )
    if kind == "MemoryError" or "allocate memory" in text or "not enough memory" in text:
        return f"its tensors take more memory than {error.memory / 2**30:.1f} GiB, which is what a file of its size may take"
    reason_line = re.search(r"WeightsUnpickler error: *(.+)", text) or re.search(r"(.+)", text)
    reason = reason_line[1].split(". ")[0] if reason_line else "it ends too early"
    return f"it is damaged, or `torch.save` didn't write it ({kind}: {reason})"
