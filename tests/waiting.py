"""Waiting for what must come, however busy the machine is: a limit is there for what hangs, and no test measures time with it."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from itertools import islice

HANGS_AFTER_S = 120


def until(condition: Callable[[], bool], what: str = "it") -> None:
    """Returns once the condition holds."""
    begun = looked = time.monotonic()
    while not condition():
        now = time.monotonic()
        assert now - begun < HANGS_AFTER_S, f"{what} doesn't come"
        time.sleep(min(max(0.01, 2 * (now - looked)), 0.2))  # who looks all the time takes it from who is waited for
        looked = time.monotonic()


async def reached(condition: Callable[[], bool], what: str = "it") -> None:
    """The same, while the event loop goes on."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < HANGS_AFTER_S, f"{what} doesn't come"
        await asyncio.sleep(0.005)


def killed_after(command: Sequence[str], lines: int, chance: random.Random) -> list[str]:
    """What a process had told when it was killed with SIGKILL: at least so many lines, unless it ended by itself.

    A process that tells what it has done is at the next thing when it is killed: a moment later, drawn by chance, wherever that is.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines_read = list(islice(iter(process.stdout.readline, ""), lines))
        time.sleep(chance.uniform(0, 0.01))
        process.send_signal(signal.SIGKILL)
        lines_read += process.stdout.readlines()
    return [line.rstrip("\n") for line in lines_read]
