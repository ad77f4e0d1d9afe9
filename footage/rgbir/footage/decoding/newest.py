"""Hands on the newest frame of a stream whenever the reader is ready for one."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

Say = Callable[[dict[str, Any], memoryview], None]


class Newest:
    """Frames of a stream come whether or not somebody is ready. One waits at most; a newer one takes its place, and it was late.

    So the stream is read as fast as it comes, a frame's moment of arrival is true, and memory has an end.

    Args:
        say: writes a message, and waits until the reader takes it.

    Attributes:
        late: frames that nobody took.
    """

    def __init__(self, say: Say) -> None:
        self._say, self.late = say, 0
        self._change = threading.Condition()
        self._waiting: tuple[dict[str, Any], memoryview] | None = None
        self._closed = False
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    def put(self, message: dict[str, Any], pixels: memoryview) -> None:
        """Takes a frame, and never waits."""
        with self._change:
            self.late += self._waiting is not None
            self._waiting = message, pixels
            self._change.notify_all()

    def close(self) -> None:
        """Returns once everything is written."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._writer.join()

    def _write(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._closed or self._waiting is not None)
                if self._waiting is None:
                    return
                (message, pixels), self._waiting = self._waiting, None
                late = self.late
            try:
                self._say({**message, "late": late}, pixels)
            except OSError:  # nobody reads any more
                os._exit(1)
