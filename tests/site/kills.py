"""A process that is killed at a chosen step: before a statement of SQL, or before something is written, synced, renamed or deleted.

What a process does between two such steps leaves no trace on disk, so killing it before each of them is killing it everywhere.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rgbir.index.gallery.folder import connection


class Steps:
    """Counts steps once it is armed, and kills this process before the last of them."""

    def __init__(self) -> None:
        self.left = 0
        cursor = connection.Cursor
        for owner, name in (
            (cursor, "execute"),
            (cursor, "executemany"),
            (cursor, "executescript"),
            (sqlite3.Connection, "backup"),
            (os, "fsync"),
            (os, "write"),
            (os, "rename"),
            (os, "replace"),
            (os, "unlink"),
            (os, "rmdir"),
            (os, "mkdir"),
            (os, "ftruncate"),
            (os, "posix_fallocate"),
            (shutil, "copyfile"),
            (Path, "rename"),
            (Path, "replace"),
            (Path, "unlink"),
        ):
            try:
                setattr(owner, name, self._counted(getattr(owner, name)))
            except TypeError:  # SQLite's own type is closed
                continue

    def arm(self, steps: int) -> None:
        self.left = steps

    def _counted(self, what: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **named: Any) -> Any:
            if self.left:
                self.left -= 1
                if not self.left:
                    os.kill(os.getpid(), signal.SIGKILL)
            return what(*given, **named)

        return counted


def trials(prepare: Callable[[int], Callable[[], object]], steps: Steps, most: int = 10_000) -> list[bool]:
    """Whether each process ended by itself: the first is killed at its first step, the next at its second, and so on to the end.

    Args:
        prepare: what a process does before it counts, by the number of its trial; it returns the work to be killed in.
    """
    outcomes = []
    for number in range(1, most):
        child = os.fork()
        if not child:
            work = prepare(number)
            steps.arm(number)
            work()
            os._exit(0)
        outcomes.append(os.waitpid(child, 0)[1] == 0)
        if outcomes[-1]:
            break
    return outcomes
