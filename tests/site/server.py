"""Servers as processes, and the files they keep."""

from __future__ import annotations

import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from rgbir.server.access.keys import Keyring, Role
from tests.conftest import BUNDLE
from tests.site.ports import free_port
from tests.waiting import HANGS_AFTER_S, until

_RUN = """
import datetime, json, signal, sys
from pathlib import Path
given = json.loads(sys.argv[1])
if given["clock"]:
    import time_machine
    now = None

    def shift(*_):
        global now
        if now is not None:
            now.stop()
        there = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=float(Path(given["clock"]).read_text()))
        now = time_machine.travel(there, tick=True)
        now.start()
        Path(given["clock"] + ".told").write_text(Path(given["clock"]).read_text())

    shift()
    signal.signal(signal.SIGUSR1, shift)
if given["steps"]:
    from tests.site.kills import Steps
    steps = Steps()
    signal.signal(signal.SIGUSR2, lambda *_: steps.arm(int(Path(given["steps"]).read_text())))
from rgbir.client.cli import main
sys.argv = ["rgbir", "serve"]
for name, value in given["settings"].items():
    sys.argv += ["--" + name.replace("_", "-"), *([] if value is True else [str(value)])]
main()
"""


FILES = {
    "gallery": "gallery",
    "database": "gallery/gallery.sqlite3",
    "journal": "gallery/gallery.sqlite3-wal",
    "shared memory": "gallery/gallery.sqlite3-shm",
    "writer's lock": "gallery/writer.lock",
    "reserve": "gallery/reserve",
    "cache": "gallery/cache",
    "ledger": "gallery.erasures",
    "jobs": "gallery.jobs",
    "clock": "gallery.clock",
    "choice of a model": "gallery.serving.json",
    "audit log": "log/audit.jsonl",
    "audit log's reserve": "log/audit.jsonl.reserve",
    "audit heads": "heads.jsonl",
    "keys": "keys.json",
    "weights": f"{BUNDLE.name}/weights.bin",
    "cases": "cases",
    "cases' file": "cases/cases.sqlite3",
    "cases' journal": "cases/cases.sqlite3-wal",
    "cases' reserve": "cases/reserve",
    "cases' ledger": "cases.erasures",
}
"""What keeps state, below a site's root. A new store adds its line here, and the matrix has it."""
FILM_FILES = {
    "waiting films": "gallery.jobs",
    "kept films": "films",
    "index of recordings": "gallery.films.json",
    "recordings": "recorder",
}
"""What films add, where a server keeps them and plays recordings; tests/server/test_footage_kills.py has their matrix."""


@dataclass
class Site:
    """A gallery's folder and what lies beside it."""

    root: Path
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.gallery = self.root / "gallery"
        self.bundle = self.root / BUNDLE.name
        if not self.bundle.exists():
            shutil.copytree(BUNDLE, self.bundle)
        self.token = Keyring(self.keys).add("admin", Role.ADMIN)
        self.clock_shift = self.root / "shift"
        self.clock_shift.write_text("0")

    def key(self) -> None:
        """A new file of keys, as somebody makes one whose keys are gone."""
        self.keys.unlink(missing_ok=True)
        self.token = Keyring(self.keys).add("admin", Role.ADMIN)

    @property
    def keys(self) -> Path:
        return self.root / "keys.json"

    @property
    def ca(self) -> Path:
        """The certificate of the site's authority, where it has one."""
        return self.root / "authority/cert.pem"

    @property
    def audit(self) -> Path:
        return self.root / "log/audit.jsonl"

    @property
    def files(self) -> dict[str, Path]:
        return {name: self.root / place for name, place in FILES.items()}

    @contextmanager
    def server(self, killable: bool = False, **more: Any) -> Iterator[Server]:
        """A server that is ready, or ended.

        Args:
            killable: at a step; see `Server.kill_at`.
        """
        port = free_port()
        settings = {
            "gallery": str(self.gallery),
            "bundle": str(self.bundle),
            "port": port,
            "threads": 1,
            "keys": str(self.keys),
            "audit": str(self.audit),
            "audit_heads": str(self.files["audit heads"]),
            "cases": str(self.files["cases"]),
            **self.settings,
            **more,
        }
        steps = str(self.root / "steps") if killable else None
        given = json.dumps({"clock": str(self.clock_shift), "steps": steps, "settings": settings}, default=str)
        with tempfile.TemporaryFile("w+") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", _RUN, given], stdout=output, stderr=output, env=os.environ
            )
            server = Server(process, port, self.token, output, self, self.ca if "tls_cert" in settings else None)
            try:
                until(lambda: server.ended or server.ready()[0] == 200, "the server")
                yield server
            finally:
                process.kill()
                process.wait()
                server.http.close()


@dataclass
class Server:
    """One process of a site."""

    process: subprocess.Popen[bytes]
    port: int
    token: str
    output: Any
    site: Site
    ca: Path | None = None
    """What its certificate is trusted by, where it speaks TLS."""

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        trusted: Any = ssl.create_default_context(cafile=self.ca) if self.ca else True
        self.url = f"{'https' if self.ca else 'http'}://127.0.0.1:{self.port}"
        self.http = httpx2.Client(base_url=self.url, timeout=HANGS_AFTER_S, headers=headers, verify=trusted)

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def printed(self) -> str:
        """What it wrote to its output."""
        self.output.seek(0)
        return str(self.output.read())

    def ready(self) -> tuple[int, str]:
        try:
            answer = self.http.get("/health/ready")
        except httpx2.TransportError:
            return 0, ""
        return answer.status_code, answer.json().get("detail") or ""

    # --- what happens to it

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def kill_at(self, step: int) -> None:
        """Before the step of that number from now on; see `tests.site.kills`."""
        (self.site.root / "steps").write_text(str(step))
        self.process.send_signal(signal.SIGUSR2)

    def stop(self) -> None:
        """As an orchestrator does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(HANGS_AFTER_S)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """As a machine that is suspended."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def rotated(self) -> None:
        """As logrotate tells after it moved the log."""
        self.process.send_signal(signal.SIGHUP)

    def shift_clock(self, seconds: float) -> None:
        """Against the clock as it runs in the process now."""
        answered = self.site.clock_shift.with_name("shift.told")
        answered.unlink(missing_ok=True)
        self.site.clock_shift.write_text(str(seconds))
        self.process.send_signal(signal.SIGUSR1)
        until(answered.exists, "the other clock")

    # --- what is asked of it

    def enrol(self, image: bytes, camera: str = "1", **labels: Any) -> httpx2.Response:
        return self.http.post(
            "/gallery/sightings", files={"images": ("image.jpg", image)}, data={"camera": camera, **labels}
        )

    def track(self, images: list[bytes], name: str, camera: str = "1") -> httpx2.Response:
        files = [("images", ("image.jpg", image)) for image in images]
        return self.http.post("/gallery/tracks", files=files, data={"camera": camera, "track": name})

    def erase(self, sighting: str) -> httpx2.Response:
        return self.http.delete(f"/gallery/sightings/{sighting}")

    def erase_all(self, **conditions: Any) -> httpx2.Response:
        return self.http.delete("/gallery/sightings", params=conditions)

    def search(self, image: bytes, **options: Any) -> httpx2.Response:
        return self.http.post(
            "/search", files={"images": ("query.jpg", image)}, data={"camera": "3", "top_k": "1000", **options}
        )

    def ask(self, method: str, path: str, **form: Any) -> httpx2.Response:
        """With form fields, if any."""
        return self.http.request(method, path, data=form or None)

    def archive(self, content: bytes) -> httpx2.Response:
        return self.http.post("/gallery/jobs", files={"archive": ("archive.zip", content)})


def another_model(folder: Path) -> Path:
    """A folder of bundles with one more, `euclidean`: the same network, compared otherwise."""
    shutil.copytree(BUNDLE, folder / "euclidean")
    card = json.loads((folder / "euclidean/card.json").read_text())
    (folder / "euclidean/card.json").write_text(json.dumps(card | {"metric": "euclidean", "name": "euclidean"}))
    return folder
