"""The matrix: every file that keeps state × everything that happens to files, servers, disks and clocks.

What was acknowledged is held by a model that knows nothing else. A request may be refused with words; it is never answered
with a 500, and nothing that was acknowledged is lost, or comes back, but for what the event itself destroyed.
"""

from __future__ import annotations

import io
import os
import shutil
import socket
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import BUNDLE, made_once
from tests.site.events import EVENTS, deleted
from tests.site.media import disk, fill
from tests.site.server import FILES, Server, Site, another_model
from tests.waiting import until

from rgbir.index import CameraNetwork, Encoder, Gallery, SysuMM01, enrol
from rgbir.server.access.chain import problems
from rgbir.server.access.keys import Keyring, Role


@dataclass
class Acknowledged:
    """What a client was told."""

    enrolled: list[str] = field(default_factory=list)
    """The oldest first."""
    erased: set[str] = field(default_factory=set)
    statuses: set[int] = field(default_factory=set)
    number: int = 0
    notes: set[str] = field(default_factory=set)
    marked: dict[str, str] = field(default_factory=dict)
    """Sightings by their pictures in the case."""

    def casework(self, server: Server, image: bytes) -> list[int]:
        """A round of requests about one case; statuses. What it marks is there, if the gallery takes it."""
        if not self.enrolled:
            self.enrol(server, image)
        answers = [server.ask("POST", "/cases", number="26-117", title="missing", purpose="find the person")]
        text = f"note {self.number}"
        answers.append(server.ask("POST", "/cases/26-117/notes", text=text))
        if answers[-1].status_code == 201:
            self.notes.add(text)
        for sighting in self.enrolled[-1:]:
            answers.append(server.ask("POST", "/cases/26-117/marks", sighting=sighting, mark="same"))
            if answers[-1].status_code == 201:
                self.marked[answers[-1].json()["picture"]] = sighting
        answers.append(server.ask("GET", "/cases/26-117"))
        if answers[-1].status_code == 200:
            self.holds(answers[-1].json())
        statuses = [answer.status_code for answer in answers]
        assert 500 not in statuses, server.printed()
        return statuses

    def holds(self, case: dict[str, Any]) -> None:
        """What was acknowledged is in the case, and whom an erasure took isn't."""
        assert self.notes <= {note["text"] for note in case["notes"]}
        shown = {picture["id"]: picture["sighting"] for picture in case["pictures"] if picture["erased_at"] is None}
        assert {
            picture: sighting for picture, sighting in self.marked.items() if sighting not in self.erased
        }.items() <= shown.items()
        assert not self.erased & set(shown.values())

    def work(self, server: Server, image: bytes) -> list[int]:
        """A round of requests; statuses of an enrolment, an erasure and a search."""
        statuses = [self.enrol(server, image)]
        if self.enrolled:
            gone = self.enrolled[0]
            answer = server.erase(gone)
            statuses.append(answer.status_code)
            if answer.status_code == 200:
                self.enrolled.remove(gone)
                self.erased.add(gone)
        response = server.search(image)
        statuses.append(response.status_code)
        if response.status_code == 200:
            hits = {hit["id"] for hit in response.json()["hits"]}
            assert hits & self.erased == set()
            assert set(self.enrolled) <= hits
        self.statuses |= set(statuses)
        assert 500 not in statuses, server.printed()
        return statuses

    def enrol(self, server: Server, image: bytes) -> int:
        """One more picture; the status."""
        self.number += 1
        made = server.enrol(image + self.number.to_bytes(4, "big"))
        if made.status_code == 200:
            self.enrolled.append(made.json()["results"][0]["id"])
        return made.status_code

    def agrees(self, gallery: Path) -> None:
        with Gallery(gallery) as opened:
            ids = {sighting.id for sighting in opened.sightings()}
            assert set(self.enrolled) <= ids
            assert self.erased & ids == set()
            assert opened.verify() == []


@pytest.fixture
def image(people: SysuMM01) -> bytes:
    return next(people.records("test", (3,))).path.read_bytes()


@pytest.fixture
def archive(people: SysuMM01) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as out:
        for number, record in enumerate(people.records("test", (1, 2))):
            for copy in range(8):
                out.writestr(f"2/{number}-{copy}.jpg", record.path.read_bytes() + bytes([copy]))
    return content.getvalue()


@pytest.fixture
def site(tmp_path: Path, people: SysuMM01, encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Site:
    def make(folder: Path) -> None:
        with Gallery.open_or_create(folder / "gallery", encoder.card, CameraNetwork.read("sysu-mm01")) as opened:
            enrol(people.records("test", (1, 2)), encoder, opened)
            opened.save_cache()

    shutil.copytree(made_once(tmp_path_factory, "site", make), tmp_path / "site")
    return Site(tmp_path / "site", {"bundles": str(another_model(tmp_path / "site/bundles"))})


MUST_REFUSE = {
    **{
        (name, event): 503
        for name in ("gallery", "database", "journal", "shared memory", "audit log")
        for event in ("deleted", "moved", "replaced")
    },
    ("gallery", "emptied"): 503,
    **{
        (name, event): 503
        for name in ("cases", "cases' file", "cases' journal")
        for event in ("deleted", "moved", "replaced")
    },
    ("cases", "emptied"): 503,
    ("audit log", "emptied"): 503,
    ("keys", "deleted"): 503,
    ("keys", "moved"): 503,
    ("keys", "emptied"): 503,
    ("keys", "scribbled"): 503,
}
"""Where going on would lose what is acknowledged, or let in whom nobody knows; elsewhere either is right."""
CASES = {"cases", "cases' file", "cases' journal"}
DESTROYED = {
    (name, event)
    for name in ("gallery", "database", "journal", "cases", "cases' file", "cases' journal")
    for event in ("deleted", "emptied")
}
"""What the event destroyed can't be there afterwards."""
ENDS = {("shared memory", "emptied")}
"""SQLite maps this file: the kernel ends a process whose mapping is cut off. Nothing acknowledged is lost."""
QUICK = {("database", "replaced"), ("cases' file", "replaced")}
MATRIX = [
    pytest.param(name, event, id=f"{name}-{event}", marks=[] if (name, event) in QUICK else [pytest.mark.slow])
    for name in FILES
    for event in EVENTS
]


@pytest.mark.parametrize(("name", "event"), MATRIX)
@pytest.mark.slow
def test_whatever_happens_to_a_file_nothing_acknowledged_is_lost_and_no_request_fails(
    site: Site, image: bytes, archive: bytes, name: str, event: str
) -> None:
    acknowledged = Acknowledged()
    path = site.files[name]
    with site.server() as server:
        job = server.archive(archive).json()["id"]
        until(lambda: server.http.get(f"/gallery/jobs/{job}").json()["added"] > 0, "the job's first images")
        for _ in range(2):
            assert acknowledged.work(server, image) == [200, 200, 200]
            assert set(acknowledged.casework(server, image)) <= {200, 201}
        if name == "choice of a model":
            answer_with_another(server)
            assert acknowledged.work(server, image) == [200, 200, 200]
        until(path.exists, name)
        whole = path.read_bytes() if path.is_file() else b""
        EVENTS[event](path)
        if (name, event) in ENDS:
            server.kill()
        else:
            statuses = acknowledged.casework(server, image) if name in CASES else acknowledged.work(server, image)
            wanted = MUST_REFUSE.get((name, event))
            if wanted is not None:
                assert set(statuses) == {wanted}, server.printed()
            if wanted is not None and name not in CASES:  # searches go on without cases
                until(lambda: server.ready()[0] == 503, "the refusal to be ready")
            assert server.http.get("/health/live").status_code == 200
            acknowledged.work(server, image)
            acknowledged.casework(server, image)
            assert not server.ended, server.printed()
            assert "Traceback" not in server.printed()
            server.kill()
    if (name, event) in DESTROYED:
        return
    put_right(site, path, name, whole)
    with site.server() as server:
        assert not server.ended, server.printed()
        acknowledged.work(server, image)
        assert set(acknowledged.casework(server, image)) <= {200, 201}
        until(lambda: all(job["ended_at"] for job in server.http.get("/gallery/jobs").json()["jobs"]), "the jobs' end")
    (answering,) = [site.gallery] if name != "choice of a model" else site.root.glob("gallery.????????????????")
    acknowledged.agrees(answering)
    assert problems(site.audit) == []


def answer_with_another(server: Server) -> None:
    assert server.http.post("/models/euclidean/prepare").status_code == 202
    until(lambda: server.http.get("/models").json()["models"][1]["state"] == "ready", "the other model")
    assert server.http.post("/models/euclidean/activate").status_code == 200


def put_right(site: Site, path: Path, name: str, whole: bytes) -> None:
    """As what was said asks for."""
    before = path.with_name(path.name + ".moved")
    if before.exists():
        if path.exists():
            deleted(path)
        before.rename(path)
    elif name == "keys":
        site.key()
    elif name == "choice of a model":
        path.write_bytes(whole)
    elif name == "weights":
        shutil.rmtree(site.bundle)
        shutil.copytree(BUNDLE, site.bundle)
    elif name == "ledger" and path.exists() and b"\xff" in path.read_bytes():
        path.write_bytes(path.read_bytes().split(b"\0", 1)[0])


@pytest.mark.slow
def test_a_full_disk_refuses_enrolments_and_lets_erasures_through(tmp_path: Path, site: Site, image: bytes) -> None:
    acknowledged = Acknowledged()
    with disk(tmp_path / "disk", 64) as small:
        shutil.copytree(site.gallery, small / "site/gallery")
        there = Site(small / "site")
        with there.server() as server:
            for _ in range(4):
                assert acknowledged.work(server, image) == [200, 200, 200]
            made = server.enrol(image + b"to be erased").json()["results"][0]["id"]
            filler = fill(small)
            refused = server.enrol(image + b"one more")
            assert refused.status_code == 503
            # The audit log lies on the same disk; once its last block is full, nothing that must be noted is done.
            until(lambda: server.search(image).status_code == 503, "the full log")
            assert "No space left" in server.search(image).json()["detail"]
            assert server.archive(zipped(image)).status_code == 503
            assert server.erase(made).json()["removed"] == 1
            acknowledged.erased.add(made)
            assert server.http.get(f"/gallery/sightings/{made}").status_code == 404
            filler.unlink()
            assert acknowledged.work(server, image) == [200, 200, 200]
            assert "Traceback" not in server.printed()
            server.kill()
        acknowledged.agrees(there.gallery)


@pytest.mark.slow
def test_two_servers_on_one_gallery_lose_nothing_of_each_other(site: Site, image: bytes) -> None:
    acknowledged = Acknowledged()
    with site.server() as first, site.server() as second:
        for turn in range(6):
            acknowledged.work((first, second)[turn % 2], image)
        first.kill()
        assert acknowledged.work(second, image) == [200, 200, 200]
        with site.server() as third:
            assert acknowledged.work(third, image) == [200, 200, 200]
            assert acknowledged.work(second, image) == [200, 200, 200]
    acknowledged.agrees(site.gallery)
    assert problems(site.audit) == []


@pytest.mark.slow
def test_a_server_that_is_suspended_goes_on(site: Site, image: bytes) -> None:
    acknowledged = Acknowledged()
    with site.server() as server:
        acknowledged.work(server, image)
        with server.paused(), socket.create_connection(("127.0.0.1", server.port)) as cut:
            cut.sendall(b"POST /gallery/sightings HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhalf")
        assert acknowledged.work(server, image) == [200, 200, 200]
        assert server.http.get("/health/live").status_code == 200
        server.kill()
    acknowledged.agrees(site.gallery)


@pytest.mark.slow
def test_a_clock_that_is_moved_revives_no_key_and_erases_nobody(site: Site, image: bytes) -> None:
    year, day = 365 * 86_400, 86_400
    acknowledged = Acknowledged()
    short = Keyring(site.keys).add("visitor", Role.SEARCH, days=1)

    def visitor(server: Server) -> int:
        sent = {"images": ("query.jpg", image)}
        headers = {"Authorization": f"Bearer {short}"}
        return server.http.post("/search", files=sent, data={"camera": "3"}, headers=headers).status_code

    with Gallery(site.gallery) as gallery:
        gallery.keep(30)
    with site.server() as server:
        kept = server.enrol(image + b"in time", taken_at=datetime.now(UTC).isoformat()).json()["results"][0]["id"]
        acknowledged.enrolled.append(kept)
        acknowledged.number += 1
        assert visitor(server) == 200
        server.shift_clock(2 * day)
        assert visitor(server) == 401
        until(site.files["clock"].exists, "the clock's note")
        until(
            lambda: (
                datetime.fromisoformat(site.files["clock"].read_text().strip()) > datetime.now(UTC) + timedelta(days=1)
            )
        )
        server.shift_clock(0)
        assert visitor(server) == 401
        server.kill()
    with site.server() as server:  # a clock that was set back meanwhile
        assert visitor(server) == 401
        assert server.search(image).status_code == 200
        server.shift_clock(year)
        server.kill()
    with site.server() as server:  # started with a clock a year ahead
        assert (
            "retention would erase" in server.printed()
            or server.http.get(f"/gallery/sightings/{kept}").status_code == 200
        )
        assert kept in {hit["id"] for hit in server.search(image, cameras="1").json()["hits"]}
        server.shift_clock(0)
        server.kill()
    acknowledged.agrees(site.gallery)


def zipped(image: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as out:
        out.writestr("1/a.jpg", image + os.urandom(3_000_000))
    return content.getvalue()
