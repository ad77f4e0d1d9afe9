"""Ending a training when somebody asks for it: Ctrl-C, a shutdown, a terminal that was closed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a shutdown, a terminal that was closed."""


class Asked:
    """Whether a signal came.

    Attributes:
        by: the signal; None until there is one.
    """

    by: signal.Signals | None = None

    def __call__(self) -> bool:
        return self.by is not None


@contextmanager
def asked_to_stop(answer: str, aloud: bool = True) -> Iterator[Asked]:
    """Notes the first of `SIGNALS` that comes, and writes the answer to standard error. A second one ends the process at once.

    A signal that the process was started to ignore, as by nohup, stays ignored. Threads other than the main one can't take
    signals, and note none.

    Args:
        answer: what is written.
        aloud: False writes nothing: another process does.
    """
    asked, process = Asked(), os.getpid()
    before: dict[signal.Signals, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:  # a loader's process, before it ignores them
            return
        asked.by = signal.Signals(number)
        for taken in before:
            signal.signal(taken, signal.SIG_DFL)
        for output in (1, 2):
            try:
                os.write(output, b"")
            except OSError:  # a terminal that was closed: what is written from now on would fail, and nobody reads it
                os.dup2(os.open(os.devnull, os.O_WRONLY), output)
        if not aloud:
            return
        with suppress(OSError):
            os.write(2, f"\n{asked.by.name}: {answer}\n".encode())

    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in SIGNALS}
        before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
        for number in before:
            signal.signal(number, note)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_signals(worker: int) -> None:
    """In a process that prepares batches: the training decides when it ends. A terminal sends its signals to all of them."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
