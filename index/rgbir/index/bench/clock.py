"""How long something takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

WARMED = 3
"""Calls that don't count."""


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def best(work: Callable[[], Any], times: int = 5) -> float:
    """The least seconds of several, after one that isn't counted."""
    work()
    return min(seconds(work) for _ in range(times))


def each(ask: Callable[[Any], Any], queries: Sequence[Any] | NDArray[Any]) -> float:
    """Median seconds of a call with each query, such as a row of (n, d), after a warm-up."""
    for query in queries[:WARMED]:
        ask(query)
    return float(np.median([seconds(lambda q=query: ask(q)) for query in queries]))  # type: ignore[misc]
