"""Numbers below the normal ones (1.2e-38 in float32): a processor takes many times as long over them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

_BELOW = torch.tensor([3e-39])


@contextmanager
def denormals(treated: Literal["flush", "keep"]) -> Iterator[None]:
    """Makes zeros of them, or keeps them, in this thread and in those that torch starts meanwhile; then it is as before.

    Threads that torch started earlier keep their way.
    """
    flushed = not (_BELOW * 1.0).count_nonzero()
    torch.set_flush_denormal(treated == "flush")
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed)
