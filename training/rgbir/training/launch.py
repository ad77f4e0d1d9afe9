"""Whether torchrun started this process, and as which of how many. Nothing here needs torch."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rgbir.training.errors import BadRecipe

NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
"""The environment variables of torchrun that are read."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One of the processes that torchrun started on this machine.

    Attributes:
        rank: its number, 0 ≤ rank < count.
        count: how many there are.
    """

    rank: int
    count: int

    def command(self, words: Sequence[str]) -> str:
        """The line that starts as many processes of that command."""
        return shlex.join(["torchrun", "--standalone", "--nproc-per-node", str(self.count), "--no-python", *words])


def launched(environment: Mapping[str, str] = os.environ) -> Launch | None:
    """What torchrun says in the environment; None without it, and where it started a single process.

    Raises:
        BadRecipe: its variables aren't whole numbers that fit together, or the processes are on several machines.
    """
    if "RANK" not in environment or "WORLD_SIZE" not in environment:
        return None
    given = {name: environment.get(name, "") for name in NAMES}
    try:
        rank, count, local, here = (int(value) for value in given.values())
    except ValueError:
        rank, count, local, here = -1, 0, -1, 0
    words = ", ".join(f"{name}={value}" for name, value in given.items())
    if not (0 <= rank < count and 0 <= local < here):
        raise BadRecipe(f"these environment variables are torchrun's, and don't fit together: {words}; unset them")
    if here != count:
        raise BadRecipe(
            f"torchrun started processes on several machines ({words}), and a training has those of one machine; give"
            " --standalone --nproc-per-node and the number of its GPUs"
        )
    return Launch(rank, count) if count > 1 else None
