"""The matrix: every file that keeps state × everything that happens to files, servers, disks and clocks.

What was acknowledged is held by a model that knows nothing else. A request may be refused with words; it is never answered
with a 500, and nothing that was acknowledged is lost, or comes back, but for what the event itself destroyed.
"""

from __future__ import annotations

import io
import shutil
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.conftest import BUNDLE, made_once
from tests.site.events import EVENTS, deleted
from tests.site.server import Server, Site
from tests.waiting import until

from rgbir.index import CameraNetwork, Encoder, Gallery, SysuMM01, enrol
from rgbir.server.access.audit import problems


@dataclass
class Acknowledged:
    """What a client was told."""

    held: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    statuses: set[int] = field(default_factory=set)
    number: int = 0

    def work(self, server: Server, image: bytes) -> list[int]:
        """A round of requests; statuses of an enrolment, an erasure and a search."""
        self.number += 1
        made = server.enrol(image + self.number.to_bytes(4, "big"))
        if made.status_code == 200:
            self.held.add(made.json()["results"][0]["id"])
        statuses = [made.status_code]
        if self.held:
            gone = sorted(self.held)[0]
            answer = server.erase(gone)
            statuses.append(answer.status_code)
            if answer.status_code == 200:
                self.held.discard(gone)
                self.erased.add(gone)
        found = server.search(image)
        statuses.append(found.status_code)
        if found.status_code == 200:
            hits = {hit["id"] for hit in found.json()["hits"]}
            assert hits & self.erased == set()
            assert self.held <= hits
        self.statuses |= set(statuses)
        assert 500 not in statuses, server.said()
        return statuses

    def agrees(self, gallery: Path) -> None:
        with Gallery(gallery) as opened:
            ids = {sighting.id for sighting in opened.sightings()}
            assert self.held <= ids
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
    return Site(tmp_path / "site")


FILES = [
    "gallery", "database", "journal", "shared memory", "writer's lock", "reserve", "cache", "ledger", "jobs", "clock",
    "choice of a model", "audit log", "audit heads", "keys", "weights",
]  # fmt: skip
MUST_REFUSE = {
    **{
        (name, event): 503
        for name in ("gallery", "database", "journal", "shared memory", "audit log")
        for event in ("deleted", "moved", "replaced")
    },
    ("gallery", "emptied"): 503,
    ("audit log", "emptied"): 503,
    ("keys", "deleted"): 503,
    ("keys", "moved"): 503,
    ("keys", "emptied"): 503,
    ("keys", "scribbled"): 503,
}
"""Where going on would lose what is acknowledged, or let in whom nobody knows; elsewhere either is right."""
DESTROYED = {(name, event) for name in ("gallery", "database", "journal") for event in ("deleted", "emptied")}
"""What the event destroyed can't be there afterwards."""
ENDS = {("shared memory", "emptied")}
"""SQLite maps this file: the kernel ends a process whose mapping is cut off. Nothing acknowledged is lost."""
QUICK = {
    ("gallery", "moved"), ("database", "replaced"), ("journal", "deleted"), ("shared memory", "emptied"), ("ledger", "deleted"),
    ("audit log", "moved"), ("audit log", "emptied"), ("keys", "deleted"), ("weights", "emptied"), ("cache", "emptied"),
}  # fmt: skip
MATRIX = [
    pytest.param(name, event, id=f"{name}-{event}", marks=[] if (name, event) in QUICK else [pytest.mark.slow])
    for name in FILES
    for event in EVENTS
]


@pytest.mark.parametrize(("name", "event"), MATRIX)
def test_whatever_happens_to_a_file_nothing_acknowledged_is_lost_and_no_request_fails(
    site: Site, image: bytes, archive: bytes, name: str, event: str
) -> None:
    told = Acknowledged()
    path = site.files[name]
    with site.server() as server:
        job = server.archive(archive).json()["id"]
        until(lambda: server.http.get(f"/gallery/jobs/{job}").json()["added"] > 0, "the job's first images")
        for _ in range(2):
            assert told.work(server, image) == [200, 200, 200]
        if name == "choice of a model":
            assert not path.exists()  # nobody changed the model: there is nothing to happen to
            return
        until(path.exists, name)
        EVENTS[event](path)
        if (name, event) in ENDS:
            server.kill()
        else:
            statuses = told.work(server, image)
            wanted = MUST_REFUSE.get((name, event))
            if wanted is not None:
                assert set(statuses) == {wanted}, server.said()
                until(lambda: server.ready()[0] == 503, "the refusal to be ready")
            assert server.http.get("/health/live").status_code == 200
            told.work(server, image)
            assert not server.ended, server.said()
            assert "Traceback" not in server.said()
            server.kill()
    if (name, event) in DESTROYED:
        return
    put_right(site, path, name)
    with site.server() as server:
        assert not server.ended, server.said()
        told.work(server, image)
        until(lambda: all(own["ended_at"] for own in server.http.get("/gallery/jobs").json()["jobs"]), "the jobs' end")
    told.agrees(site.gallery)
    assert problems(site.audit) == []


def put_right(site: Site, path: Path, name: str) -> None:
    """As what was said asks for."""
    before = path.with_name(path.name + ".moved")
    if before.exists():
        if path.exists():
            deleted(path)
        before.rename(path)
    elif name == "keys":
        site.key()
    elif name == "weights":
        shutil.rmtree(site.bundle)
        shutil.copytree(BUNDLE, site.bundle)
    elif name == "ledger" and path.exists() and b"\xff" in path.read_bytes():
        path.write_bytes(path.read_bytes().split(b"\0", 1)[0])
