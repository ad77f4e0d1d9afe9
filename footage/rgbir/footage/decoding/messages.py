"""What the process that decodes says, read without ever waiting longer than is allowed."""

from __future__ import annotations

import json
import selectors
import time
from collections.abc import Callable
from io import FileIO
from typing import Any

LOOK_S = 0.2
"""Seconds between two questions whether to go on waiting."""


class Silence(Exception):
    """Nothing came for too long."""


class Stopped(Exception):
    """Whoever reads was asked to stop."""


class Messages:
    """Lines of JSON, each with as many bytes behind it as it says.

    Args:
        pipe: unbuffered, from the process.
        stopped: asked every `LOOK_S` seconds while nothing comes.
    """

    def __init__(self, pipe: FileIO, stopped: Callable[[], bool]) -> None:
        self._pipe, self._stopped = pipe, stopped
        self._rest = bytearray()
        # select takes no more than a thousand open files, and a large gallery holds more.
        self._coming = selectors.PollSelector()
        self._coming.register(pipe, selectors.EVENT_READ)

    def next(self, silence: float) -> dict[str, Any] | None:
        """The next message, its bytes as `pixels`; None where the process ended without one.

        Args:
            silence: seconds for which nothing may come.

        Raises:
            Silence, Stopped: see there.
        """
        while (end := self._rest.find(b"\n")) < 0:
            self._wait(silence)
            if not (data := self._pipe.read(1 << 16)):
                return None
            self._rest += data
        message: dict[str, Any] = json.loads(self._rest[:end])
        size = int(message["bytes"])
        pixels = self._rest[end + 1 : end + 1 + size]
        del self._rest[: end + 1 + size]
        got = len(pixels)
        pixels += bytes(size - got)
        view = memoryview(pixels)
        while got < size:
            self._wait(silence)
            more = self._pipe.readinto(view[got:])
            if not more:
                return None
            got += more
        return {**message, "pixels": pixels}

    def _wait(self, silence: float) -> None:
        until = time.monotonic() + silence
        while not self._coming.select(LOOK_S):
            if self._stopped():
                raise Stopped
            if time.monotonic() > until:
                raise Silence
