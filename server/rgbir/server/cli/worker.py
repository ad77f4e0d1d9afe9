"""One of the processes that `rgbir serve --workers` starts: `python -m rgbir.server.cli.worker FOLDER PLACE SOCKET LINK`."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

from rgbir.index import divide_machine, share_codes
from rgbir.server.cli.supervise import SETTINGS
from rgbir.server.http.app import certificate_of, create_app
from rgbir.server.http.log import to_standard_error
from rgbir.server.http.serving import served
from rgbir.server.settings import Settings
from rgbir.server.worker import Worker


def main(folder: Path, place: int, listening: socket.socket, link: socket.socket) -> bool:
    """Answers until it is told to end, or the process that started it is gone; returns whether it began.

    Args:
        folder: where workers meet.
        place: its number.
        link: to the process that started it, which is told there when this one answers.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    settings: Settings
    settings, level, json_logs = pickle.loads((folder / SETTINGS).read_bytes())
    to_standard_error(json_logs, level)
    threading.Thread(target=_end_with, args=(link,), daemon=True).start()
    workers = settings.workers
    worker = Worker(folder, place, workers)
    divide_machine(workers)
    share_codes(worker.processes)
    settings = replace(settings, workers=1, max_waiting=settings.max_waiting // workers, device="cpu")
    certificate = certificate_of(settings)
    app = create_app(settings, certificate, worker)
    return served(settings, app, certificate, worker, listening, partial(_ready, link))


def _ready(link: socket.socket) -> None:
    link.send(b"r")


def _end_with(link: socket.socket) -> None:
    """Ends this process once the one that started it is gone."""
    link.recv(1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    _, folder, place, *numbers = sys.argv
    listening, link = (socket.socket(fileno=int(number)) for number in numbers)
    sys.exit(0 if main(Path(folder), int(place), listening, link) else 1)
