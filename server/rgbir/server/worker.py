"""One process of a server among several: what they count together, whose turn it is to change something, and which one leads."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from enum import IntEnum
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
T = TypeVar("T")
PASSED_ON = "rgbir.passed_on"
"""What marks a request that came to another worker first."""
LATE_S = 120
"""Seconds after which a worker that doesn't tell how it does counts as stuck."""


class Count(IntEnum):
    """What is counted over all workers: the columns of their common memory.

    PROCESS is a process's id, SEEN the last second in which it told how it does, TROUBLE and STUCK are 1 or 0, MILLISECONDS is
    what the images that wait for the model will take, SPENT_MS what the processors gave to workers that ended; the others are
    numbers of what there is now.
    """

    PROCESS = 0
    SEEN = 1
    TROUBLE = 2
    STUCK = 3
    CONNECTIONS = 4
    ARRIVING = 5
    IN_FLIGHT = 6
    REQUESTS = 7
    RGB_IMAGES = 8
    IR_IMAGES = 9
    MILLISECONDS = 10
    SPENT_MS = 11


class Counts:
    """int64 (places, counts) in memory that all workers see; each writes its row alone.

    Args:
        file: where that memory lies; None for a server of one process.
        places: of workers, more than there are at once.
        place: whose row is written.
    """

    def __init__(self, file: Path | None = None, places: int = 1, place: int = 0) -> None:
        shape = (places, len(Count))
        self.place = place
        zeros = np.zeros(shape, np.int64)
        if file is not None and not file.exists():
            file.write_bytes(
                zeros.tobytes()
            )  # a disk that is full says so here; a page that it lacks later ends the process
        self.cells: np.ndarray[Any, np.dtype[np.int64]] = (
            zeros if file is None else np.memmap(file, np.int64, "r+", shape=shape)
        )

    def add(self, count: Count, by: int = 1) -> int:
        """Counts that up or down; returns the sum over all workers afterwards.

        Who counts itself first and compares then can be refused for nothing, and never let in beyond a limit.
        """
        self.cells[self.place, count] += by
        return self.total(count)

    def set(self, count: Count, value: int) -> None:
        self.cells[self.place, count] = value

    def total(self, count: Count) -> int:
        """The sum over all workers."""
        return sum(self.cells[:, count].tolist())

    def mine(self, count: Count) -> int:
        """What this worker alone has counted."""
        return int(self.cells[self.place, count])

    def most(self, count: Count) -> int:
        """The largest over all workers."""
        return int(self.cells[:, count].max())

    def clear(self, place: int) -> None:
        """Forgets what a process that ended had counted."""
        self.cells[place] = 0


class Worker:
    """One process of a server; without a folder it is the only one, and leads.

    Args:
        folder: where workers meet: their sockets, common counts and locks.
        place: its number among them.
        workers: how many there are to be.
    """

    def __init__(self, folder: Path | None = None, place: int = 0, workers: int = 1) -> None:
        self.folder, self.place, self.workers = folder, place, workers
        self.counts = Counts() if folder is None else Counts(folder / "counts", places(workers), place)
        self.leads = folder is None
        """Whether this one does what must be done once: jobs, retention, and looking after cases and films."""
        self._lead: int | None = None
        self.counts.set(Count.PROCESS, os.getpid())

    @property
    def alone(self) -> bool:
        return self.folder is None

    @property
    def there(self) -> Path:
        """The folder where workers meet."""
        assert self.folder is not None
        return self.folder

    @property
    def socket(self) -> Path:
        """Where the others ask this one."""
        return self.there / f"{self.place}.sock"

    def others(self) -> list[Path]:
        """Where the others are asked."""
        return [] if self.alone else sorted(path for path in self.there.glob("*.sock") if path != self.socket)

    def processes(self) -> list[int]:
        """Ids of all workers' processes."""
        return [int(process) for process in self.counts.cells[:, Count.PROCESS] if process]

    async def leading(self) -> None:
        """Returns once this worker leads: the kernel frees the lock of one that died.

        Raises:
            OSError: it can't lead, though no other one does.
        """
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        failures = list[OSError]()

        def wait() -> None:
            try:
                self._lead = _locked(self.there / "lead.lock")
            except OSError as error:
                failures.append(error)
            with suppress(RuntimeError):  # the loop is closed, as this worker ends
                loop.call_soon_threadsafe(over.set)

        threading.Thread(target=wait, daemon=True, name="lead").start()
        await over.wait()
        if failures:
            raise failures[0]
        new = self.there / f"lead.{self.place}"
        new.unlink(missing_ok=True)
        new.symlink_to(self.socket.name)
        new.replace(self.there / "lead")
        self.leads = True

    def resign(self) -> None:
        """Lets another one lead."""
        if not self.alone and self._lead is not None:
            self.leads = False
            os.close(self._lead)
            self._lead = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One worker changes the gallery at a time; the others wait."""
        if self.alone:
            yield
            return
        descriptor = _locked(self.there / "changes.lock")
        try:
            yield
        finally:
            os.close(descriptor)

    def tell(self, trouble: bool, stuck: bool) -> None:
        """How this one does, for whoever asks any of them."""
        self.counts.set(Count.TROUBLE, trouble)
        self.counts.set(Count.STUCK, stuck)
        self.counts.set(Count.SEEN, int(time.monotonic()))

    def silent(self) -> list[int]:
        """Places of others whose threads are stuck, or that tell nothing any more."""
        if self.alone:
            return []
        late = time.monotonic() - LATE_S
        rows = enumerate(self.counts.cells)
        return [
            place
            for place, row in rows
            if place != self.place and row[Count.SEEN] and (row[Count.STUCK] or row[Count.SEEN] < late)
        ]

    @property
    def troubled(self) -> bool:
        """Whether any of them can't answer."""
        return bool(self.counts.total(Count.TROUBLE))


def _locked(file: Path) -> int:
    """Waits for the lock of a file; returns what frees it when it is closed."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def places(workers: int) -> int:
    """Rows for so many workers, those that end and those that follow them."""
    return 2 * workers + 2


class Changes(ThreadPoolExecutor):
    """The thread that changes the gallery, in turn with those of other workers."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(1, "change")
        self.worker = worker

    def submit(self, work: Callable[P, T], /, *args: P.args, **options: P.kwargs) -> Future[T]:
        """As an executor's."""

        def in_turn() -> T:
            with self.worker.turn():
                return work(*args, **options)

        return super().submit(in_turn)
