"""The whole: a thread that takes events, a loop that hears of them, and the signals that end both."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable

from rgbir.footage.frigate.broker import Broker, listen
from rgbir.footage.frigate.places import Say
from rgbir.footage.frigate.worker import Worker

REPORT_S = 60.0


def bridge(worker: Worker, broker: Broker, *, say: Say, report: Callable[[], None]) -> None:
    """Runs until SIGTERM or SIGINT, and returns after the events in hand are enrolled.

    Args:
        say: told what is worth knowing.
        report: called every minute.

    Raises:
        Exception: what the worker can't go on after, such as a gallery of another model.
    """
    asyncio.run(_bridged(worker, broker, say, report))


async def _bridged(worker: Worker, broker: Broker, say: Say, report: Callable[[], None]) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            worker.run()
        except BaseException as error:
            failures.append(error)
        finally:
            loop.call_soon_threadsafe(ended.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    thread = threading.Thread(target=work, name="frigate")
    thread.start()
    others = [asyncio.create_task(listen(broker, worker, say)), asyncio.create_task(_reported(report))]
    try:
        await asyncio.wait([*others, asyncio.create_task(ended.wait())], return_when=asyncio.FIRST_COMPLETED)
    finally:
        worker.stop()
        for task in others:
            task.cancel()
        heard = await asyncio.gather(*others, return_exceptions=True)
        await ended.wait()
        thread.join()
    failures += [error for error in heard if isinstance(error, Exception)]
    if failures:
        raise failures[0]


async def _reported(report: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(REPORT_S)
        report()
