"""One server of several processes: what one of them is told, all know; and one of them may die."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import httpx2
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.conftest import BUNDLE
from tests.index.yard import network
from tests.site.ports import free_port
from tests.waiting import HANGS_AFTER_S, until

from rgbir.index import Encoder, Gallery, SysuMM01
from rgbir.server import Settings
from rgbir.server.access.audit import entries
from rgbir.server.access.chain import problems
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.cli.supervise import supervised
from rgbir.server.errors import BadSettings
from rgbir.server.http.metrics import Allocated
from rgbir.server.http.relay import LOOK, ask
from rgbir.server.worker import LATE_S, Count, Worker

MOST = 8
"""Requests at once in most of these tests."""


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
            worker: which one is asked, on its socket, as if from outside; None is whichever takes the connection.
        """
        headers = {"Authorization": f"Bearer {more.pop('token', self.token)}"}
        transport = None if worker is None else httpx2.HTTPTransport(uds=str(self.sockets[worker]))
        with httpx2.Client(transport=transport, timeout=60, headers=headers, trust_env=False) as client:
            return client.request(method, f"http://127.0.0.1:{self.port}{path}", **more)  # type: ignore[arg-type]

    @property
    def there(self) -> Path:
        """Where its workers meet."""
        (folder,) = {words[-5].decode() for words in self.commands.values()}
        return Path(folder)

    @property
    def commands(self) -> dict[int, list[bytes]]:
        """What the workers were started by; without one that was only forked so far, or is dead."""
        started = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in (self.process.pid, *self.workers)}
        forked = started.pop(self.process.pid)
        return {pid: line.split(b"\0") for pid, line in started.items() if line not in (b"", forked)}

    @property
    def sockets(self) -> list[Path]:
        return sorted(self.there.glob("*.sock"))

    @property
    def lead(self) -> int:
        """Which of the sockets is the leading worker's."""
        return self.sockets.index(self.there / os.readlink(self.there / "lead"))

    def process_of(self, worker: int) -> int:
        place = self.sockets[worker].stem
        (pid,) = (pid for pid, words in self.commands.items() if words[-4].decode() == place)
        return pid

    @property
    def counts(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """What is counted over all workers: (places, counts)."""
        return np.fromfile(self.there / "counts", np.int64).reshape(-1, len(Count))

    def samples(self, worker: int | None = None) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        families = text_string_to_metric_families(self.ask("GET", "/metrics", worker).text)
        return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


@contextmanager
def several(
    folder: Path,
    count: int,
    encoder: Encoder,
    more: str = f", max_in_flight={MOST}",
    cwd: Path | None = None,
    before: str = "",
) -> Iterator[Several]:
    """A server of so many processes on an empty gallery, started in a folder.

    Args:
        more: settings.
        before: what the process does before it starts them.
    """
    gallery, keys, port = folder / "gallery", Keyring(folder / "keys.json"), free_port()
    Gallery.open_or_create(gallery, encoder.card, network(["door", "yard"])).close()
    token = keys.add("kim", Role.ADMIN)
    code = (
        "import sys; from pathlib import Path; from rgbir.server.cli.serve import run; from rgbir.server import Settings\n"
        f"{before}\n"
        f"run(Settings(sys.argv[1], Path(sys.argv[2]), port={port}, threads=1, workers={count},"
        f" keys=Path({str(keys.file)!r}), audit=Path({str(folder / 'audit.jsonl')!r}), cases=Path({str(folder / 'cases')!r}){more}))"
    )
    log = folder / "log"
    with (
        log.open("wb") as told,
        subprocess.Popen(
            [sys.executable, "-P", "-c", code, str(gallery), str(BUNDLE)],
            stdout=subprocess.DEVNULL,
            stderr=told,
            cwd=cwd,
        ) as process,
    ):
        server = Several(process, port, folder, gallery, token, log)
        try:
            until(lambda: process.poll() is not None or _answers(server, count), "the server")
            yield server
        finally:
            process.kill()


def _answers(server: Several, count: int) -> bool:
    try:
        return len(server.workers) == count and len(server.sockets) == count and (server.there / "lead").is_symlink()
    except (OSError, ValueError, IndexError):
        return False


@pytest.fixture(scope="module")
def server_of_two(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Iterator[Several]:
    with several(tmp_path_factory.mktemp("two"), 2, encoder) as server:
        yield server


@pytest.fixture
def two(server_of_two: Several) -> Several:
    """A server both of whose workers answer, whatever the test before did to them."""
    until(lambda: _answers(server_of_two, 2), "both workers")
    return server_of_two


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


def other_picture(image: bytes, number: int) -> bytes:
    """The same picture to the eye, and another file."""
    return image + bytes([number])


def together(*work: Callable[[], object]) -> None:
    """Does all of it at the same time; a failure of any is raised."""
    with ThreadPoolExecutor(len(work)) as pool:
        for done in [pool.submit(each) for each in work]:
            done.result()


def test_what_was_erased_on_one_worker_is_in_no_answer_that_another_begins_after_it(two: Several, image: bytes) -> None:
    """The other worker is asked all the time; a search that begins once the erasure was answered must not find anybody."""
    for number in range(4):
        sighting = enrol(two, other_picture(image, number), worker=0)
        erased, late = threading.Event(), list[list[str]]()

        def search(erased: threading.Event = erased, late: list[list[str]] = late) -> None:
            for _ in range(200):
                begun_after = erased.is_set()
                hits = found(two, image, 0)
                if begun_after:
                    late.append(hits)
                    if len(late) == 3:
                        return

        def erase(sighting: str = sighting, erased: threading.Event = erased) -> None:
            assert sighting in found(two, image, 1)
            assert two.ask("DELETE", f"/gallery/sightings/{sighting}", 1).is_success
            erased.set()

        together(search, erase)
        assert len(late) == 3
        assert all(sighting not in hits for hits in late)


def test_an_erasure_is_answered_once_the_other_workers_have_looked(two: Several, image: bytes) -> None:
    """The other one is halted meanwhile, so it can't look."""
    sighting, halted = enrol(two, image, worker=0), two.process_of(1)
    with ThreadPoolExecutor(1) as pool, Gallery(two.gallery) as gallery:
        os.kill(halted, signal.SIGSTOP)
        try:
            erasing = pool.submit(two.ask, "DELETE", f"/gallery/sightings/{sighting}", 0)
            until(lambda: gallery.get(sighting) is None, "the erasure")
            until(lambda: _asks(two.sockets[1]), "the question of the worker that erases")
            assert two.ask("GET", "/model", 0).is_success  # what came later is answered
            assert not erasing.done() or f"worker {two.sockets[1].stem} doesn't answer" in two.log.read_text()
        finally:
            os.kill(halted, signal.SIGCONT)
        assert erasing.result().is_success


def _asks(where: Path) -> bool:
    """Whether a connection to that socket waits to be taken."""
    lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return any(line[-1] == str(where) and line[6] == "0" for line in lines)


@pytest.mark.parametrize("answer", ["HTTP/1.1 500 Internal Server Error", ""])
def test_a_worker_that_fails_to_look_is_named_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: str
) -> None:
    async def fails(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"{answer}\r\n\r\n".encode())
        writer.close()

    async def run() -> None:
        async with await asyncio.start_unix_server(fails, tmp_path / "3.sock"):
            await ask(tmp_path / "3.sock", LOOK)

    asyncio.run(run())
    assert f"worker 3 was asked for {LOOK}, and answers {answer!r}" in caplog.text


def test_both_enrol_at_once_and_the_same_picture_is_enrolled_once(two: Several, image: bytes) -> None:
    pictures = [other_picture(image, number) for number in range(20, 26)]
    ids = list[list[str]]()

    def enrol_all(worker: int) -> None:
        ids.append([enrol(two, picture, "yard", worker) for picture in pictures])

    together(lambda: enrol_all(0), lambda: enrol_all(1))
    assert ids[0] == ids[1]
    assert two.ask("DELETE", "/gallery/sightings?camera=yard").json()["removed"] == len(pictures)


def test_a_key_that_one_worker_ended_is_nobodys_for_all(two: Several) -> None:
    token = two.ask("POST", "/keys", 0, data={"name": "lee", "role": "search"}).json()["token"]
    assert [two.ask("GET", "/me", worker, token=token).status_code for worker in (0, 1)] == [200, 200]
    assert two.ask("DELETE", "/keys/lee", 0).is_success
    assert [two.ask("GET", "/me", worker, token=token).status_code for worker in (1, 0)] == [401, 401]


def test_a_camera_that_one_worker_changed_is_known_to_all(two: Several) -> None:
    assert two.ask("PUT", "/cameras/attic", 0, data={"modalities": "rgb", "place": "attic"}).is_success
    cameras = two.ask("GET", "/cameras", 1).json()["cameras"]
    assert "attic" in {camera["id"] for camera in cameras}
    assert two.ask("DELETE", "/cameras/attic", 1).is_success
    assert "attic" not in two.ask("GET", "/cameras", 0).text


def test_a_case_that_one_worker_made_is_seen_by_all(two: Several) -> None:
    given = {"number": "26-117", "title": "t", "purpose": "p"}
    case = two.ask("POST", "/cases", 0, data=given).json()["id"]
    assert two.ask("POST", f"/cases/{case}/notes", 1, data={"text": "seen"}).is_success
    assert "seen" in two.ask("GET", f"/cases/{case}", 0).text
    assert two.ask("DELETE", f"/cases/{case}", 1).is_success
    assert two.ask("GET", f"/cases/{case}", 0).status_code == 404


def packed(image: bytes, count: int) -> bytes:
    """An archive of so many pictures of a camera."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as out:
        for number in range(count):
            out.writestr(f"yard/{number}.jpg", image + number.to_bytes(2, "big"))
    return content.getvalue()


def test_a_job_is_begun_followed_and_cancelled_on_any_worker(two: Several, image: bytes) -> None:
    lead, other = two.lead, 1 - two.lead
    begun = two.ask("POST", "/gallery/jobs", other, files={"archive": packed(image, 3)})
    assert begun.status_code == 202, begun.text
    job = begun.json()["id"]
    for worker in (lead, other):
        until(lambda worker=worker: two.ask("GET", f"/gallery/jobs/{job}", worker).json()["state"] == "done")  # type: ignore[misc]
        assert job in {each["id"] for each in two.ask("GET", "/gallery/jobs", worker).json()["jobs"]}
    assert two.ask("GET", "/gallery/jobs/none", other).status_code == 404
    long = two.ask("POST", "/gallery/jobs", lead, files={"archive": packed(image, 400)}).json()["id"]
    assert two.ask("DELETE", f"/gallery/jobs/{long}", other).json()["state"] == "cancelled"
    assert two.ask("GET", f"/gallery/jobs/{long}", lead).json()["state"] == "cancelled"
    assert two.ask("DELETE", "/gallery/sightings?camera=yard").is_success
    assert two.ask("POST", "/gallery/jobs", other, token="nobody").status_code == 401


def raw(server: Several, worker: int, line: str, token: str | None = None) -> bytes:
    """The answer to a GET whose path is sent as it is written."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(server.sockets[worker]))
        key = "" if token is None else f"Authorization: Bearer {token}\r\n"
        connection.sendall(
            f"GET {line} HTTP/1.1\r\nHost: localhost\r\n{key}Connection: close\r\n\r\n".encode("latin-1")
        )
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    "path",
    [
        "/gallery/jobs/../../workers/look",
        "/gallery/jobs/%2e%2e/%2e%2e/workers/look",
        "/gallery/jobs/..%2f..%2fme",
        "/gallery/jobs/%2e%2e/%2e%2e/me",
        "/gallery/jobs/none%3Fa=b",
        "/gallery/jobs/none%23a",
        "/gallery/jobs/none%25",
    ],
)
def test_a_path_means_the_same_whichever_worker_is_asked(two: Several, path: str) -> None:
    """What is passed on stays as it was written: no other path is made of it, and none that is the workers' alone."""
    answers = [raw(two, worker, path, two.token) for worker in (two.lead, 1 - two.lead)]
    assert [answer.split(b" ")[1] for answer in answers] == [b"404", b"404"]
    bodies = [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in answers]
    for answer, body in zip(answers, bodies, strict=True):
        assert f"x-request-id: {body.pop('request_id')}\r\n".encode() in answer.lower()
    assert bodies[0] == bodies[1]


def test_a_limit_is_of_all_workers_together(two: Several) -> None:
    """Half of the bodies that may come at once come to each worker, and don't end."""
    begun = list[socket.socket]()
    head = (
        "POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: 1000\r\nAuthorization: Bearer {two.token}\r\n\r\n--b"
    )
    try:
        for worker in (0, 1):
            for _ in range(MOST // 2):
                begun.append(socket.socket(socket.AF_UNIX))
                begun[-1].connect(str(two.sockets[worker]))
                begun[-1].sendall(head.encode())
        for worker in (0, 1):
            until(lambda worker=worker: two.ask("POST", "/search", worker, data={"like": "x"}).status_code == 429)  # type: ignore[misc]
    finally:
        for connection in begun:
            connection.close()
    for worker in (0, 1):
        until(lambda worker=worker: two.ask("POST", "/search", worker, data={"like": "x"}).status_code != 429)  # type: ignore[misc]


def test_a_body_that_is_passed_on_counts_once(two: Several, image: bytes) -> None:
    """All places but one are taken; the worker that receives it and the one that leads share the last one."""
    other, begun = 1 - two.lead, list[socket.socket]()
    head = (
        "POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: 1000\r\nAuthorization: Bearer {two.token}\r\n\r\n--b"
    )
    try:
        for _ in range(MOST - 1):
            begun.append(socket.socket(socket.AF_UNIX))
            begun[-1].connect(str(two.sockets[other]))
            begun[-1].sendall(head.encode())
        until(lambda: two.counts[:, Count.ARRIVING].sum() == MOST - 1)
        answer = two.ask("POST", "/gallery/jobs", other, files={"archive": packed(image, 1)})
    finally:
        for connection in begun:
            connection.close()
    assert answer.status_code == 202, answer.text
    job = f"/gallery/jobs/{answer.json()['id']}"
    until(lambda: two.ask("GET", job).json()["state"] == "done")
    assert two.ask("DELETE", "/gallery/sightings?camera=yard").is_success


def test_what_cleans_temporary_folders_is_kept_from_the_workers(two: Several) -> None:
    """systemd-tmpfiles passes over a folder that it can't lock; a lock's file that is deleted would let two workers lead."""
    descriptor = os.open(two.there, os.O_RDONLY)
    try:
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)


def test_no_file_that_is_mapped_has_holes(two: Several, image: bytes) -> None:
    """Writing to a page of a file that a full disk has no block for ends the process that writes."""
    found(two, image, 0)
    files = [two.there / "counts", *(two.there / "metrics").iterdir()]
    assert {file.name for file in files} >= {"counts", "counter_0.db", "histogram_0.db", "histogram_1.db"}
    for file in files:
        assert file.stat().st_blocks * 512 >= file.stat().st_size > 0


def test_counts_that_find_no_room_are_taken_up_once_there_is_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "no room")

    with monkeypatch.context() as while_full:
        file = Allocated(str(tmp_path / "counter_0.db"))  # type: ignore[no-untyped-call]
        first, names = file._capacity, [f"{number:0>200}" for number in range(1000)]
        while_full.setattr(os, "posix_fallocate", full)
        for name in names:
            assert file.read_value(name) == (0.0, 0.0)
            file.write_value(name, 1.0, 0.0)
        assert (tmp_path / "counter_0.db").stat().st_size == first
        kept = {name for name, *_ in file.read_all_values()}  # type: ignore[no-untyped-call]
        assert 0 < len(kept) < len(names)
    for name in names:
        file.write_value(name, 2.0, 0.0)
    assert {name: value for name, value, *_ in file.read_all_values()} == dict.fromkeys(names, 2.0)  # type: ignore[no-untyped-call]
    assert (tmp_path / "counter_0.db").stat().st_blocks * 512 > first
    file.close()  # type: ignore[no-untyped-call]


def test_any_worker_tells_what_all_counted(two: Several) -> None:
    name = ("rgbir_requests_total", (("method", "GET"), ("route", "/model"), ("status", "200")))
    before = two.samples(0).get(name, 0)
    for worker in (0, 1, 1):
        assert two.ask("GET", "/model", worker).status_code == 200
    for worker in (0, 1):
        seen = two.samples(worker)
        assert seen[name] == before + 3
        assert seen["rgbir_workers", ()] == 2
        assert seen["process_resident_memory_bytes", ()] > 1e8


def test_the_audit_log_is_one_chain(two: Several, image: bytes) -> None:
    def search(worker: int) -> None:
        for _ in range(5):
            found(two, image, worker)

    together(*(lambda worker=worker: search(worker) for worker in (0, 1, 0, 1)))
    assert problems(two.folder / "audit.jsonl") == []
    entries = two.ask("GET", "/audit?limit=1000", 1).json()["entries"]
    assert [entry["n"] for entry in entries] == list(range(1, len(entries) + 1))


def rotate(server: Several) -> list[Path]:
    """As logrotate does; returns both files, once it was heard of."""
    log, rotated = server.folder / "audit.jsonl", server.folder / "audit.1"
    log.rename(rotated)
    server.process.send_signal(signal.SIGHUP)
    until(lambda: log.exists() and log.stat().st_size > 0, "the new log")
    return [rotated, log]


def search_on_each(server: Several, image: bytes) -> None:
    """Once a search is answered there."""
    form = {"modality": "ir", "purpose": "test"}
    for worker in range(len(server.sockets)):
        until(
            lambda worker=worker: (  # type: ignore[misc]
                server.ask("POST", "/search", worker, files={"images": image}, data=form).status_code == 200
            ),
            "an answer",
        )


@pytest.mark.slow
def test_when_the_log_is_rotated_each_worker_goes_on_in_the_new_file(
    tmp_path: Path, encoder: Encoder, image: bytes
) -> None:
    with several(tmp_path, 2, encoder) as server:
        search_on_each(server, image)
        files = rotate(server)
        search_on_each(server, image)
        assert problems(files) == []
        assert [entry["action"] for entry in entries(files[1])] == ["continued", "search", "search"]


@pytest.mark.slow
def test_a_worker_that_starts_while_the_log_is_rotated_goes_on_in_the_new_file(
    tmp_path: Path, encoder: Encoder, image: bytes
) -> None:
    """It is halted once it has opened the log, and before it answers."""
    with several(tmp_path, 2, encoder) as server:
        search_on_each(server, image)
        before, log = set(server.workers), tmp_path / "audit.jsonl"
        os.kill(server.process_of(1 - server.lead), signal.SIGKILL)
        until(lambda: set(server.workers) - before != set(), "another worker")
        (starting,) = set(server.workers) - before
        opened_log(starting, log)
        os.kill(starting, signal.SIGSTOP)

        files = rotate(server)
        os.kill(starting, signal.SIGCONT)
        until(lambda: len(server.workers) == 2 and _answers(server, 2), "both workers")

        search_on_each(server, image)
        assert problems(files) == []
        assert starting in server.workers


def opened_log(process: int, log: Path) -> None:
    """Returns as soon as a process has opened it."""
    begun = time.monotonic()
    while log not in files_of(process):
        assert time.monotonic() - begun < HANGS_AFTER_S


def files_of(process: int) -> set[Path]:
    files = set[Path]()
    for file in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            files.add(file.readlink())
    return files


def test_when_the_leading_worker_is_killed_another_leads_and_counts_dont_fall(two: Several, image: bytes) -> None:
    killed, lead, other = two.process_of(two.lead), two.lead, 1 - two.lead
    until(lambda: two.samples(other)["rgbir_workers", ()] == 2)
    before = two.samples(other)
    job = two.ask("POST", "/gallery/jobs", other, files={"archive": packed(image, 60)}).json()["id"]
    os.kill(killed, signal.SIGKILL)

    until(lambda: len(two.workers) == 2 and killed not in two.workers and _answers(two, 2), "another worker")

    assert two.lead != lead
    for worker in (0, 1):
        until(lambda worker=worker: two.ask("GET", f"/gallery/jobs/{job}", worker).json().get("state") == "done")  # type: ignore[misc]
        after = two.samples(worker)
        fallen = {
            name: (value, after.get(name))
            for name, value in before.items()
            if name[0].endswith(("_total", "_bucket", "_count")) and after.get(name, 0) < value
        }
        assert not fallen
    assert "was ended by signal 9; another one is started in 1 s" in two.log.read_text()
    assert problems(two.folder / "audit.jsonl") == []
    with Gallery(two.gallery) as gallery:
        assert sum(count.sightings for count in gallery.counts()) == 60


@pytest.mark.slow
def test_a_worker_that_cant_lead_says_so_and_another_one_leads(two: Several) -> None:
    """A folder lies where the one that follows would name itself."""
    until(lambda: len(two.workers) == 2 and _answers(two, 2), "both workers")
    lead, other = two.lead, 1 - two.lead
    killed, fails, place = two.process_of(lead), two.process_of(other), two.sockets[other].stem
    (two.there / f"lead.{place}").mkdir()
    os.kill(killed, signal.SIGKILL)

    until(lambda: f"worker {place} can't lead, so it ends" in two.log.read_text(), "its word")
    until(lambda: not Path(f"/proc/{fails}").exists(), "its end")
    until(lambda: len(two.workers) == 2 and _answers(two, 2), "both workers")
    (two.there / f"lead.{place}").rmdir()
    for worker in (0, 1):
        until(lambda worker=worker: two.ask("GET", "/gallery/jobs", worker).status_code == 200)  # type: ignore[misc]


@pytest.mark.slow
def test_a_worker_that_cant_be_started_is_tried_again(two: Several) -> None:
    """The process that starts workers may open no further file."""
    until(lambda: len(two.workers) == 2 and _answers(two, 2), "both workers")
    before, killed = two.log.read_text(), two.process_of(0)
    most = resource.prlimit(two.process.pid, resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    os.kill(killed, signal.SIGKILL)

    until(lambda: "a worker couldn't be started: " in two.log.read_text()[len(before) :], "its word")
    resource.prlimit(two.process.pid, resource.RLIMIT_NOFILE, most)
    until(lambda: len(two.workers) == 2 and _answers(two, 2), "both workers")


@pytest.mark.slow
def test_a_worker_that_hangs_while_it_starts_holds_up_no_other(tmp_path: Path, encoder: Encoder) -> None:
    """It is halted. A start that is only slow is tried again here, too, so the limit may be short."""
    limits = "from rgbir.server.cli import supervise; supervise.STARTS_S, supervise.TIMES = 1.0, 4"
    with several(tmp_path, 2, encoder, before=limits) as server:
        first, second = server.workers
        os.kill(first, signal.SIGKILL)
        until(lambda: set(server.workers) - {first, second} != set(), "another worker")
        (halted,) = set(server.workers) - {first, second}
        os.kill(halted, signal.SIGSTOP)
        os.kill(second, signal.SIGKILL)

        until(lambda: f"process {halted} doesn't answer" in server.log.read_text(), "its end")
        until(lambda: len(server.workers) == 2 and _answers(server, 2), "both workers")
        assert not {first, second, halted} & set(server.workers)


@contextmanager
def asked_all_the_time(server: Several, image: bytes) -> Iterator[list[str]]:
    """Three clients that keep their connections, and two that make one for each request; the list has what failed."""
    failed, over = list[str](), threading.Event()

    def ask(lasting: bool) -> None:
        while not over.is_set():
            with httpx2.Client(
                timeout=120, headers={"Authorization": f"Bearer {server.token}"}, trust_env=False
            ) as http:
                for _ in range(100 if lasting else 1):
                    if over.is_set():
                        break
                    try:
                        answer = http.post(
                            f"http://127.0.0.1:{server.port}/search",
                            files={"images": image},
                            data={"modality": "ir", "purpose": "test"},
                        )
                        if answer.status_code != 200:
                            failed.append(answer.text)
                    except httpx2.TransportError as error:
                        failed.append(repr(error))

    with ThreadPoolExecutor(5) as pool:
        asking = [pool.submit(ask, lasting) for lasting in (True, True, True, False, False)]
        try:
            yield failed
        finally:
            over.set()
            for each in asking:
                each.result()


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_workers_are_exchanged_without_a_failed_request(
    count: int, tmp_path: Path, encoder: Encoder, image: bytes
) -> None:
    with several(tmp_path, count, encoder, ", max_in_flight=64") as server:
        sighting = enrol(server, image)
        before = server.workers
        with asked_all_the_time(server, image) as failed:
            server.process.send_signal(signal.SIGUSR2)
            until(lambda: "all workers were exchanged" in server.log.read_text(), "the exchange")
            assert not set(before) & set(server.workers)
            assert len(server.workers) == count
        assert failed == []
        assert found(server, image, 0) == [sighting]
        assert problems(tmp_path / "audit.jsonl") == []
        server.process.terminate()
        assert server.process.wait(120) == 0


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_kills_under_requests_harm_nothing_that_was_acknowledged(
    count: int, tmp_path: Path, encoder: Encoder, image: bytes
) -> None:
    """Requests of a worker that is killed fail; all others are answered, and no erased sighting comes back."""
    chance = random.Random(5)
    with several(tmp_path, count, encoder, ", max_in_flight=64") as server:
        kept, gone = list[str](), list[str]()
        with asked_all_the_time(server, image):
            for number in range(3):
                until(lambda: len(server.workers) == count and _answers(server, count), "all workers")
                killed = chance.choice(server.workers)
                os.kill(killed, signal.SIGKILL)
                until(lambda killed=killed: killed not in server.workers)  # type: ignore[misc]
                kept.append(enrol(server, other_picture(image, 2 * number)))
                gone.append(enrol(server, other_picture(image, 2 * number + 1)))
                assert server.ask("DELETE", f"/gallery/sightings/{gone[-1]}").is_success
            until(lambda: len(server.workers) == count and _answers(server, count), "all workers")
        for worker in range(count):
            assert set(found(server, image, worker)) == set(kept)
        assert problems(tmp_path / "audit.jsonl") == []


def test_counts_of_the_dead_are_cleared_and_all_come_back_once_they_can(two: Several) -> None:
    """The gallery is away, so none can begin; both are killed, and each is tried again until it is there."""
    until(lambda: len(two.workers) == 2, "both workers")
    there, killed = two.there, set(two.workers)
    two.gallery.rename(two.folder / "away")
    before = two.log.read_text()
    for worker in killed:
        os.kill(worker, signal.SIGKILL)

    def ended() -> bool:
        told = two.log.read_text()[len(before) :]
        return all(f"process {worker} was ended by signal 9" in told for worker in killed)

    until(ended, "both ends")
    counts = np.fromfile(there / "counts", np.int64).reshape(-1, len(Count))
    assert not killed & set(counts[:, Count.PROCESS].tolist())
    until(lambda: "a worker didn't begin" in two.log.read_text()[len(before) :], "a start that fails")
    (two.folder / "away").rename(two.gallery)
    until(lambda: len(two.workers) == 2 and _answers(two, 2), "both workers")


@pytest.mark.slow
def test_an_exchange_lets_the_leading_worker_answer_to_its_end_and_the_server_waits_for_it(
    tmp_path: Path, encoder: Encoder
) -> None:
    """A slow body comes to the leading worker while it is exchanged; then the server is told to end."""
    with several(tmp_path, 2, encoder, ", max_in_flight=64, ending_s=60, slowest_s=60") as server, ExitStack() as open_:
        place, body = int(server.sockets[server.lead].stem), b"like=nobody&modality=ir&purpose=test"
        old = server.process_of(server.lead)
        head = (
            "POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\nAuthorization: Bearer {server.token}\r\n\r\n"
        )
        while True:
            connection = socket.create_connection(("127.0.0.1", server.port), 60)
            connection.sendall(head.encode() + body[:4])
            until(lambda: server.counts[:, Count.ARRIVING].sum() == 1)
            if server.counts[place, Count.ARRIVING]:
                open_.enter_context(connection)
                break
            connection.close()
            until(lambda: not server.counts[:, Count.ARRIVING].any())
        server.process.send_signal(signal.SIGUSR2)
        until(lambda: server.counts[place, Count.CONNECTIONS] == 1 and len(server.workers) == 3, "a third worker")
        until(lambda: not _listens(old, server.port), "the end of what the old one takes")

        def goes_on(seconds: int) -> None:
            before = server.counts[place, Count.SEEN]
            until(lambda: server.counts[place, Count.SEEN] >= before + seconds, "what the old one tells of itself")

        goes_on(8)  # it waits no longer for connections that ask nothing
        assert server.ask("GET", "/gallery/jobs", 0 if server.lead else 1).status_code == 200
        assert server.sockets[server.lead].stem == str(place)
        server.process.terminate()
        until(lambda: server.process.poll() is not None or server.workers == [old], "the others' end")
        goes_on(2)
        assert server.process.poll() is None
        connection.sendall(body[4:])
        assert connection.recv(100).startswith(b"HTTP/1.1 404")
        assert server.process.wait(60) == 0


def _listens(process: int, port: int) -> bool:
    """Whether a process holds the listening socket."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (inode,) = {line[9] for line in lines if int(line[1].partition(":")[2], 16) == port and line[3] == "0A"}
    links = list(Path(f"/proc/{process}/fd").iterdir())
    return any(os.readlink(link) == f"socket:[{inode}]" for link in links if link.is_symlink())


def test_a_worker_imports_nothing_from_the_folder_where_the_server_was_started(
    tmp_path: Path, encoder: Encoder
) -> None:
    """Another account may have put a module there."""
    planted = tmp_path / "planted"
    planted.mkdir()
    (planted / "uvicorn.py").write_text("from pathlib import Path\nPath(__file__).with_name('ran').touch()\n")
    with several(tmp_path, 2, encoder, cwd=planted) as server:
        assert server.process.poll() is None
        assert server.ask("GET", "/health/ready").status_code == 200
    assert not (planted / "ran").exists()


def test_a_folder_for_temporary_files_that_takes_nothing_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with socket.socket() as listening, pytest.raises(BadSettings, match="set TMPDIR to another one"):
        supervised(Settings("g", Path("b"), workers=2), listening)


def test_workers_end_with_the_process_that_started_them(tmp_path: Path, encoder: Encoder) -> None:
    with several(tmp_path, 2, encoder) as server:
        workers = server.workers
        server.process.kill()
        until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), "the workers' end")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"gallery": "milvus://localhost:19530/g"}, "start several servers"),
        ({"gallery": "milvus+file:people.db/g"}, "start several servers"),
        ({"bundles": Path(".")}, "--bundles"),
        ({"device": "gpu"}, "--device gpu"),
        ({"gpu_half": True}, "--gpu-half"),
        ({"gpu_bytes": 1}, "--gpu-bytes"),
        ({"max_waiting": 60}, "--max-waiting is divided among the workers"),
    ],
)
def test_what_several_workers_cant_do_is_refused_by_name(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadSettings, match=reason):
        Settings(**cast(Any, {"gallery": "g", "bundle": Path("b"), "workers": 2} | given))
    Settings(**cast(Any, {"gallery": "g", "bundle": Path("b")} | given))


def test_who_is_stuck_or_in_trouble_is_known_to_all(tmp_path: Path) -> None:
    first, second = Worker(tmp_path, 0, 2), Worker(tmp_path, 1, 2)
    assert (first.silent(), first.troubled) == ([], False)
    second.tell(trouble=True, stuck=True)
    assert (first.silent(), first.troubled, second.silent()) == ([1], True, [])
    second.tell(trouble=False, stuck=False)
    assert (first.silent(), first.troubled) == ([], False)
    second.counts.set(Count.SEEN, int(time.monotonic()) - LATE_S - 2)
    assert first.silent() == [1]
    first.counts.clear(1)
    assert first.silent() == []
