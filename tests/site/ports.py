"""Ports for servers that are started later: each worker of a run has its own, below those that the kernel gives away."""

from __future__ import annotations

import itertools
import os
import socket

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw") or 0)
_NEXT = itertools.count(os.getpid() % 2000)


def free_port() -> int:
    while True:
        port = 12_000 + 2_000 * (_WORKER % 8) + next(_NEXT) % 2_000
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
