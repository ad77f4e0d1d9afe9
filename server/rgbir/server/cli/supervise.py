"""Several processes that answer together: started here, started again when one died, and exchanged one after the other.

This process has neither model nor gallery. It holds the listening socket, which its workers inherit, so a connection that comes
while one of them ends is taken by another.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import pickle
import resource
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rgbir.index import why
from rgbir.server.errors import BadSettings
from rgbir.server.settings import Settings
from rgbir.server.worker import Count, Counts, places

_log = logging.getLogger(__name__)
LEAST_PAUSE_S, MOST_PAUSE_S, LIVED_S = 1.0, 60.0, 60.0
"""Seconds before a worker is started again, which double each time, unless it lived so long."""
KILLED_AFTER_S = 15.0
"""Seconds beyond those that requests have, after which a worker that doesn't end is killed."""
STARTS_S, TIMES = 300.0, 10
"""Seconds that a worker's start may take, or so many times as long as the first one's if that is more."""
_MOST_PATH = 80
SETTINGS = "settings"


@dataclass(slots=True, eq=False)
class _Worker:
    place: int
    process: asyncio.subprocess.Process
    link: socket.socket
    began: float
    gone: bool = False


def supervised(settings: Settings, listening: socket.socket) -> bool:
    """Lets workers answer until it is told to end; returns whether the first of them began.

    Raises:
        BadSettings: the folder for temporary files has too long a name, or takes nothing.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="rgbir-"))
    except OSError as error:
        raise BadSettings(_no_room(error)) from error
    try:
        if len(str(folder)) > _MOST_PATH:
            raise BadSettings(f"{folder} is too long a name for sockets: set TMPDIR to a folder with a shorter one")
        with _kept(folder):
            try:
                supervisor = _Supervisor(settings, listening, folder)
            except OSError as error:
                raise BadSettings(_no_room(error)) from error
            return asyncio.run(supervisor.run())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _no_room(error: OSError) -> str:
    return (
        f"workers meet in the folder for temporary files, which takes nothing: {why(error)}; set TMPDIR to another one"
    )


@contextmanager
def _kept(folder: Path) -> Iterator[None]:
    """What cleans folders for temporary files of old files leaves one alone that somebody holds a lock on, and all in it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class _Supervisor:
    def __init__(self, settings: Settings, listening: socket.socket, folder: Path) -> None:
        self.settings, self.listening, self.folder = settings, listening, folder
        root = logging.getLogger("rgbir")
        about = (settings, root.level, type(root.handlers[0].formatter).__name__ == "JsonLines")
        (folder / SETTINGS).write_bytes(pickle.dumps(about))
        self.row = places(settings.workers) - 1
        self.counts = Counts(folder / "counts", self.row + 1, self.row)
        self.workers: list[_Worker | None] = [None] * settings.workers
        self.answering: set[_Worker] = set()
        self.taken: set[int] = {self.row}
        self.longest_start_s: float | None = None
        self.turn = asyncio.Lock()
        self.ending = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> bool:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ending.set)
        loop.add_signal_handler(signal.SIGHUP, self._tell, signal.SIGHUP)
        loop.add_signal_handler(signal.SIGUSR2, lambda: self._begin(self._exchange()))
        async with self.turn:
            first = await self._start()  # alone, so that it makes what there is to be made, and says what is wrong
            if first is None:
                return self.ending.is_set()
            self.workers[0] = first
            self.longest_start_s = max(STARTS_S, TIMES * (loop.time() - first.began))
            self._begin(self._keep(0))
            rest = range(1, len(self.workers))
            self.workers[1:] = await asyncio.gather(*(self._start() for _ in rest))
        for at in rest:
            self._begin(self._keep(at))
        await self.ending.wait()
        self._tell(signal.SIGTERM)
        await asyncio.gather(*(self._ended(worker) for worker in self.workers if worker is not None))
        await asyncio.gather(*self.tasks)  # those that were being started, or exchanged
        return True

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _tell(self, number: signal.Signals) -> None:
        for worker in self.answering:
            with suppress(ProcessLookupError):
                worker.process.send_signal(number)

    async def _start(self) -> _Worker | None:
        """A worker that answers; None if it ended before, or hung, or couldn't be started."""
        place = min(set(range(self.row)) - self.taken)
        self.taken.add(place)
        try:
            worker = await self._process(place)
        except OSError as error:
            _log.error("a worker couldn't be started: %s", why(error))
            self.taken.discard(place)
            return None
        ready = asyncio.ensure_future(asyncio.get_running_loop().sock_recv(worker.link, 1))
        over = asyncio.ensure_future(self.ending.wait())
        await asyncio.wait((ready, over), timeout=self.longest_start_s, return_when=asyncio.FIRST_COMPLETED)
        hangs = not (ready.done() or over.done())
        over.cancel()
        with suppress(OSError):
            if ready.done() and ready.result():
                self.answering.add(worker)
                worker.process.send_signal(signal.SIGHUP)  # what the others may have been told while it began
                return worker
        ready.cancel()
        with suppress(ProcessLookupError):
            if hangs:
                pid, limit = worker.process.pid, self.longest_start_s
                _log.error("process %d doesn't answer %g s after its start; it is killed", pid, limit)
                worker.process.kill()
            else:
                worker.process.terminate()
        await self._ended(worker)
        return None

    async def _process(self, place: int) -> _Worker:
        """
        Raises:
            OSError: there is no room for another process, or for the link to it.
        """
        ours, its = socket.socketpair()
        ours.setblocking(False)
        # -P: Python would look for modules in the folder where the server was started, too, and anybody may write there.
        command = [sys.executable, "-P", "-m", "rgbir.server.cli.worker", str(self.folder), str(place)]
        numbers = (self.listening.fileno(), its.fileno())
        with its:
            try:
                process = await asyncio.create_subprocess_exec(*command, *map(str, numbers), pass_fds=numbers)
            except OSError:
                ours.close()
                raise
        return _Worker(place, process, ours, asyncio.get_running_loop().time())

    async def _ended(self, worker: _Worker) -> int:
        """Waits until a worker that was told to end has; returns how it did."""
        try:
            await asyncio.wait_for(worker.process.wait(), self.settings.ending_s + KILLED_AFTER_S)
        except TimeoutError:
            _log.error("worker %d (process %d) doesn't end; it is killed", worker.place, worker.process.pid)
            worker.process.kill()
        return await self._gone(worker)

    async def _gone(self, worker: _Worker) -> int:
        """Waits for the end of a worker, and forgets what it had counted of what there is now."""
        code = await worker.process.wait()
        if worker.gone:  # another one may have its place by now
            return code
        worker.gone = True
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.counts.clear(worker.place)
        self.counts.set(Count.SPENT_MS, int((spent.ru_utime + spent.ru_stime) * 1000))
        (self.folder / f"{worker.place}.sock").unlink(missing_ok=True)
        worker.link.close()
        self.taken.discard(worker.place)
        self.answering.discard(worker)
        return code

    async def _keep(self, at: int) -> None:
        """Starts a worker again whenever it died, or didn't begin."""
        loop, pause = asyncio.get_running_loop(), LEAST_PAUSE_S
        while not self.ending.is_set():
            worker = self.workers[at]
            if worker is None:
                how = "a worker didn't begin; the log above says why"
            else:
                code = await self._gone(worker)
                if self.ending.is_set() or self.workers[at] is not worker:
                    continue
                if loop.time() - worker.began > LIVED_S:
                    pause = LEAST_PAUSE_S
                ended = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
                how = f"process {worker.process.pid} {ended}"
            _log.error("%s; another one is started in %g s", how, pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ending.wait(), pause)
            async with self.turn:
                if not self.ending.is_set() and self.workers[at] is worker:
                    self.workers[at] = await self._start()
                    pause = min(2 * pause, MOST_PAUSE_S)

    async def _exchange(self) -> None:
        """One worker after the other: a new one answers before an old one takes no further connection."""
        for at in range(len(self.workers)):
            async with self.turn:
                if self.ending.is_set():
                    return
                new, old = await self._start(), self.workers[at]
                if new is None:
                    _log.error("a new worker didn't begin, so the old ones go on; the log above says why")
                    return
                self.workers[at] = new
                if old is not None:
                    with suppress(ProcessLookupError):
                        old.process.send_signal(signal.SIGUSR1)
                    await self._ended(old)
        _log.warning("all workers were exchanged")
