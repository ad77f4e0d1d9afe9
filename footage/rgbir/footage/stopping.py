"""Stops a long run between two frames, when somebody asks it to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Within the block, SIGTERM and SIGINT are a wish; what it yields says whether there was one. A second wish is carried out at once."""
    wished = threading.Event()
    before: dict[int, Any] = {}

    def wish(number: int, frame: Any) -> None:
        if wished.is_set():
            raise KeyboardInterrupt
        wished.set()

    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, wish) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield wished.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
