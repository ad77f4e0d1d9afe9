"""How the threads do, known before anybody asks: a probe must never wait behind the work that it asks about."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor

EVERY_S = 1.0


class Watch:
    """Asks each pool for a beat, again and again, and knows since when one is awaited.

    Args:
        pools: by name.
        limits_s: how long a beat may be awaited before the pool counts as stuck. Work that comes before the beat may rightly
            take long: writing the cache of a million sightings takes the changes most of a minute.
        beat: what a pool does for a beat, by its name; nothing if it isn't there.
        clock: seconds that never run backwards.
    """

    def __init__(
        self,
        pools: Mapping[str, Executor],
        limits_s: Mapping[str, float],
        beat: Mapping[str, Callable[[], None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pools, self._limits_s, self._beat, self._clock = pools, limits_s, beat, clock
        self._awaited: dict[str, float] = {}

    async def go_on(self) -> None:
        """Until it is cancelled, or the pools are closed."""
        while True:
            self.ask()
            await asyncio.sleep(EVERY_S)

    def ask(self) -> None:
        """Asks the pools whose last beat has come."""
        for name, pool in self._pools.items():
            if name not in self._awaited:
                self._awaited[name] = self._clock()
                pool.submit(self._answer, name)

    def stuck(self) -> list[str]:
        """Pools whose beat is awaited longer than their work may take."""
        now = self._clock()
        return [name for name, since in list(self._awaited.items()) if now - since > self._limits_s[name]]

    def _answer(self, name: str) -> None:
        try:
            self._beat.get(name, lambda: None)()
        finally:
            self._awaited.pop(name, None)
