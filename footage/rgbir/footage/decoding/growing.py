"""A file that a recorder is still writing, read like one that is whole."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import BinaryIO

LOOK_S = 0.25


class Growing:
    """At the end of what is there it waits for more; when nothing came for so many seconds, that was the end.

    It can't be sought in: FFmpeg would look for the end of the film, and wait there until it is closed.

    Args:
        patience: seconds without growth after which the file counts as closed.
        stopped: asked while it waits; when it says so, that was the end, too.
    """

    def __init__(self, file: BinaryIO, patience: float, stopped: Callable[[], bool] = lambda: False) -> None:
        self.file, self.patience, self.stopped = file, patience, stopped

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; none only where the file doesn't grow any more."""
        waited = 0.0
        while not (data := self.file.read(size)) and waited < self.patience and not self.stopped():
            time.sleep(LOOK_S)
            waited += LOOK_S
        return data
