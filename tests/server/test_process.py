"""A server as a process: it finishes what it took when it is asked to end, and doesn't wait for bodies that don't come."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conftest import BUNDLE

from rgbir.client import AsyncClient, Client
from rgbir.index import Gallery, SysuMM01


@contextmanager
def process(gallery: Path, more: str = "") -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = (
        "import sys; from dataclasses import replace; from rgbir.server.cli.serve import run; from rgbir.server import Settings\n"
        f"run(Settings(sys.argv[1], sys.argv[2], port={port}, threads=1{more}))"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(gallery), str(BUNDLE)], stdout=subprocess.DEVNULL) as server:
        try:
            with Client(f"http://127.0.0.1:{port}") as client:
                for _ in range(300):
                    if client.ready():
                        break
                    time.sleep(0.1)
            yield server, port
        finally:
            server.kill()


def test_what_was_accepted_is_answered_before_the_server_ends(gallery: Gallery, people: SysuMM01) -> None:
    image = next(people.records("test", (3,))).path.read_bytes()
    with process(gallery.folder) as (server, port):

        async def run() -> list[int]:
            async with AsyncClient(f"http://127.0.0.1:{port}", retries=0) as client:
                asked = [asyncio.create_task(client.search([image] * 8, camera="3")) for _ in range(12)]
                await asyncio.sleep(0.25)
                server.send_signal(signal.SIGTERM)
                return [len(answer.hits) for answer in await asyncio.gather(*asked)]

        assert asyncio.run(run()) == [10] * 12
        assert server.wait(20) in (0, -signal.SIGTERM)


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_does_not_come_is_not_waited_for(gallery: Gallery, announced: bool) -> None:
    with process(gallery.folder, ", slowest_s=0.5") as (_, port):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
            length = "Content-Length: 5000" if announced else "Transfer-Encoding: chunked"
            kind = "Content-Type: multipart/form-data; boundary=x"
            slow.sendall(f"POST /search HTTP/1.1\r\nHost: x\r\n{kind}\r\n{length}\r\n\r\n".encode())
            started = time.monotonic()
            answer = slow.recv(4096).decode()
        assert answer.startswith("HTTP/1.1 408 "), answer
        assert time.monotonic() - started < 5
        with Client(f"http://127.0.0.1:{port}") as client:
            assert client.ready()


def test_paths_and_headers_lead_nowhere_else(gallery: Gallery) -> None:
    with process(gallery.folder) as (_, port):
        for path in ("/page/../settings.py", "/page/..%2f..%2fsettings.py", "/samples/..%2f..%2fetc%2fpasswd", "//etc/passwd",
                     "/gallery/sightings/..%2f..%2fx/image", "/page/%00", "/page/page.js%0d%0aX-Evil: 1"):  # fmt: skip
            with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
                raw.sendall(
                    f"GET {path.replace(' ', '%20')} HTTP/1.1\r\nHost: x\r\nX-Request-Id: a%0d%0aSet-Cookie: x\r\nConnection: close\r\n\r\n".encode()
                )
                answer = b"".join(iter(lambda raw=raw: raw.recv(65536), b"")).decode(errors="replace")  # type: ignore[misc]
            head = answer.partition("\r\n\r\n")[0].lower()
            assert head.split()[1] in ("400", "404"), (path, answer[:200])
            assert "set-cookie" not in head
            assert "x-evil" not in head
            assert "root:" not in answer
