"""One server of several processes: what one of them is told, all know; and one of them may die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import httpx2
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.conftest import BUNDLE
from tests.index.yard import network
from tests.site.ports import free_port
from tests.waiting import until

from rgbir.index import Encoder, Gallery, SysuMM01
from rgbir.server.access.chain import problems
from rgbir.server.access.keys import Keyring, Role


@dataclass
class Several:
    """A server of several processes."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    gallery: Path
    token: str
    log: Path

    @property
    def workers(self) -> list[int]:
        """Ids of the processes that answer."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(child) for child in children]

    def ask(self, method: str, path: str, worker: int | None = None, **more: object) -> httpx2.Response:
        """Over a connection of its own.

        Args:
            worker: which one is asked, by its socket; None is whichever takes the connection.
        """
        headers = {"Authorization": f"Bearer {more.pop('token', self.token)}"}
        transport = None if worker is None else httpx2.HTTPTransport(uds=str(self.sockets[worker]))
        with httpx2.Client(transport=transport, timeout=60, headers=headers, trust_env=False) as client:
            return client.request(method, f"http://127.0.0.1:{self.port}{path}", **more)  # type: ignore[arg-type]

    @property
    def there(self) -> Path:
        """Where its workers meet."""
        (command,) = {Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[3].decode() for pid in self.workers}
        return Path(command)

    @property
    def sockets(self) -> list[Path]:
        return sorted(self.there.glob("*.sock"))

    @property
    def lead(self) -> int:
        """Which of the sockets is the leading worker's."""
        return self.sockets.index(self.there / os.readlink(self.there / "lead"))

    def process_of(self, worker: int) -> int:
        place = self.sockets[worker].stem
        (pid,) = (
            pid
            for pid in self.workers
            if Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[4].decode() == place
        )
        return pid

    def samples(self, worker: int | None = None) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        families = text_string_to_metric_families(self.ask("GET", "/metrics", worker).text)
        return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


@contextmanager
def several(folder: Path, count: int, encoder: Encoder, more: str = "") -> Iterator[Several]:
    """A server of so many processes on an empty gallery."""
    gallery, keys, port = folder / "gallery", Keyring(folder / "keys.json"), free_port()
    Gallery.open_or_create(gallery, encoder.card, network(["door", "yard"])).close()
    token = keys.add("kim", Role.ADMIN)
    code = (
        "import sys; from pathlib import Path; from rgbir.server.cli.serve import run; from rgbir.server import Settings\n"
        f"run(Settings(sys.argv[1], Path(sys.argv[2]), port={port}, threads=1, workers={count},"
        f" keys=Path({str(keys.file)!r}), audit=Path({str(folder / 'audit.jsonl')!r}), cases=Path({str(folder / 'cases')!r}){more}))"
    )
    log = folder / "log"
    with (
        log.open("wb") as told,
        subprocess.Popen(
            [sys.executable, "-c", code, str(gallery), str(BUNDLE)], stdout=subprocess.DEVNULL, stderr=told
        ) as process,
    ):
        server = Several(process, port, folder, gallery, token, log)
        try:
            until(lambda: process.poll() is not None or _answers(server, count), "the server")
            yield server
        finally:
            process.kill()
            until(lambda: not Path(f"/proc/{process.pid}/task/{process.pid}/children").exists() or not server.workers)


def _answers(server: Several, count: int) -> bool:
    try:
        return len(server.workers) == count and len(server.sockets) == count and (server.there / "lead").is_symlink()
    except (OSError, ValueError, IndexError):
        return False


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Iterator[Several]:
    with several(tmp_path_factory.mktemp("two"), 2, encoder) as server:
        yield server


@pytest.fixture
def image(people: SysuMM01) -> bytes:
    return next(people.records("test", (1,))).path.read_bytes()


def enrol(server: Several, image: bytes, camera: str = "door", worker: int | None = None) -> str:
    answer = server.ask("POST", "/gallery/sightings", worker, files={"images": image}, data={"camera": camera})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["results"][0]["id"])


def found(server: Several, image: bytes, worker: int) -> list[str]:
    answer = server.ask("POST", "/search", worker, files={"images": image}, data={"modality": "ir", "purpose": "test"})
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.json()["hits"]]


def test_what_one_worker_enrols_or_erases_all_see(two: Several, image: bytes) -> None:
    sighting = enrol(two, image, worker=0)
    assert sighting in found(two, image, 0)
    assert sighting in found(two, image, 1)
    assert two.ask("DELETE", f"/gallery/sightings/{sighting}", 1).status_code == 200
    assert found(two, image, 0) == found(two, image, 1) == []
