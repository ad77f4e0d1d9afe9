"""How long something takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def best(work: Callable[[], Any], times: int = 5) -> float:
    """The least seconds of several, after one that isn't counted."""
    work()
    return min(seconds(work) for _ in range(times))
