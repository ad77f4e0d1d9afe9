"""A file's tensors beside a network's: which are missing, unknown or of another shape."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from torch import Tensor

from rgbir.index import listed

COUNTER = "num_batches_tracked"
"""How many batches a batch norm has seen; older files don't say it, and nothing here reads it."""
NAMED = 4
"""Tensors of each kind that an error names."""


@dataclass(frozen=True, slots=True)
class Misfits:
    """Where a file and a network differ. An empty one is false.

    Attributes:
        missing: names of the network's tensors that the file doesn't have, counters of batches aside.
        unknown: names of the file's tensors that the network doesn't have, likewise.
        shapes: names that both have, with another shape.
    """

    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    shapes: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]

    def __bool__(self) -> bool:
        return bool(self.missing or self.unknown or self.shapes)

    def without(self, *names: str) -> Misfits:
        """The same but for these tensors."""
        return Misfits(
            tuple(name for name in self.missing if name not in names),
            tuple(name for name in self.unknown if name not in names),
            {name: both for name, both in self.shapes.items() if name not in names},
        )

    def __str__(self) -> str:
        shapes = [f"{name}: {network} expected, {file} in the file" for name, (network, file) in self.shapes.items()]
        kinds = (("missing", self.missing), ("unknown", self.unknown), ("of another shape", shapes))
        return "; ".join(f"{len(names)} {what} ({listed(names, most=NAMED)})" for what, names in kinds if names)


def misfits(network: Mapping[str, Tensor], file: Mapping[str, Tensor]) -> Misfits:
    """Compares names and shapes.

    Args:
        network: tensors of any shape by name, as `state_dict` gives them.
        file: likewise.
    """
    return Misfits(
        _named(network.keys() - file.keys()),
        _named(file.keys() - network.keys()),
        {
            name: (tuple(network[name].shape), tuple(file[name].shape))
            for name in sorted(network.keys() & file.keys())
            if network[name].shape != file[name].shape
        },
    )


def _named(names: Set[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if not name.endswith(COUNTER)))
