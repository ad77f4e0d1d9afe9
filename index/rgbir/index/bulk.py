"""Work in bulk: on several threads, in its order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from rgbir.index.machine import cores

MOST_CALLERS = 8
"""Each takes the memory of a run of the model."""
Item = TypeVar("Item")
Done = TypeVar("Done")


def bulk_callers() -> int:
    """How many threads encode at the same time: one a core, and not more than `MOST_CALLERS`."""
    return min(cores(), MOST_CALLERS)


def bulk_threads(lanes: int) -> int:
    """How many threads read, decode and encode in so many of an encoder's lanes: one a lane, or more where one encodes alone."""
    return lanes if lanes > 1 else 1 + bulk_callers()


def groups(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of that many; the last may be shorter."""
    coming = iter(items)
    while group := list(islice(coming, size)):
        yield group


def in_order(work: Callable[[Item], Done], items: Iterable[Item], threads: int) -> Generator[Done]:
    """What work makes of each item, in the items' order. Items are taken here, at most twice as many ahead as there are threads.

    Closed early, it begins no other item, and waits for those that were begun.
    """
    ahead = deque[Future[Done]]()
    with ThreadPoolExecutor(threads, "bulk") as pool:
        try:
            for item in items:
                ahead.append(pool.submit(work, item))
                if len(ahead) == 2 * threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
