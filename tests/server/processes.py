"""Servers as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import BUNDLE
from tests.site.ports import free_port
from tests.waiting import until

from rgbir.client import Client


@contextmanager
def process(
    gallery: Path, more: str = "", environment: dict[str, str] | None = None, before: str = ""
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server and its port. more: further settings, as Python writes them. before: what it does before it starts."""
    port = free_port()
    code = (
        "import sys; from pathlib import Path; from rgbir.server.cli.serve import run; from rgbir.server import Settings\n"
        f"{before}\n"
        f"run(Settings(sys.argv[1], Path(sys.argv[2]), port={port}, threads=1{more}))"
    )
    command = [sys.executable, "-c", code, str(gallery), str(BUNDLE)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **(environment or {})}) as server:
        try:
            with Client(f"http://127.0.0.1:{port}") as client:
                until(lambda: server.poll() is not None or client.ready(), "the server")
            yield server, port
        finally:
            server.kill()
