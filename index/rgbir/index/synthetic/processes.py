"""Drawing on several processes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from threading import Thread
from typing import TypeVar

from rgbir.index.errors import ProcessLost
from rgbir.index.machine import cores

Item = TypeVar("Item")
Drawn = TypeVar("Drawn")


def each(draw: Callable[[Item], Drawn], items: Iterable[Item], workers: int | None) -> Iterator[Drawn]:
    """What drawing gives of each item, in the items' order.

    Args:
        draw: can be pickled, as items and what comes of them can.
        items: what is drawn.
        workers: processes; as many as there are processors if None. With 1 this one draws.

    Raises:
        ProcessLost: one of the processes ended.
    """
    if workers == 1:
        yield from map(draw, items)
        return
    with ProcessPoolExecutor(workers or cores(), multiprocessing.get_context("spawn"), _end_with_parent) as pool:
        try:
            yield from pool.map(draw, items)
        except BrokenProcessPool as error:
            raise ProcessLost(
                "one of the processes that draw ended: it was killed, perhaps because memory ran out, or couldn't begin. What"
                " was drawn isn't whole; remove it, and draw again with fewer workers. A program of your own calls this below"
                ' `if __name__ == "__main__":`'
            ) from error


def _end_with_parent() -> None:
    """Ends this process when the one that began it is gone, whatever that died of: nobody would tell it so."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    Thread(target=watch, daemon=True).start()
