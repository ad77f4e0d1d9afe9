"""The audit log for an event loop: those who come while it is written share the next wait for the disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from rgbir.client.evidence.entries import Entry
from rgbir.server.access.audit import AuditLog
from rgbir.server.access.heads import Heads
from rgbir.server.errors import AuditFailed

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Notary:
    """Notes what happens from an event loop; those who come while it writes share the next wait for the disk."""

    def __init__(self, log: AuditLog, heads: Heads | None = None) -> None:
        self.log, self.heads = log, heads
        self._thread = ThreadPoolExecutor(1, "audit")
        self._waiting: list[tuple[Entry, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def note(self, event: Entry) -> None:
        """Returns once it is on disk.

        Raises:
            AuditFailed: it can't be written.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await done

    async def run(self, work: Callable[[], T]) -> T:
        """Something with the log, in turn with what is noted."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def anchor(self) -> None:
        """Notes the head on the other medium, where there is one.

        Raises:
            AuditFailed: it can't be noted there.
        """
        if self.heads is not None:
            self.heads.note(self.log.head)

    def close(self) -> None:
        self._thread.shutdown()
        try:
            self.anchor()
        except AuditFailed as error:
            _log.error("%s", error)
        self.log.close()

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            work = partial(self.log.add_all, [event for event, _ in batch])
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, work)
            except Exception as error:
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)
                continue
            for _, done in batch:
                if not done.done():
                    done.set_result(None)
