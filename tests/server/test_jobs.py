"""Archives: worked through beside the searches, cancelled, sent again, and harmless when they are harmful."""

from __future__ import annotations

import asyncio
import errno
import io
import itertools
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.conftest import BUNDLE
from tests.server.processes import process
from tests.waiting import HANGS_AFTER_S, until

from rgbir.client import Client, NotFound, Unprocessable
from rgbir.client.wire import Job
from rgbir.index import Gallery, SysuMM01, digest_of
from rgbir.index.gallery.sightings import sighting_id
from rgbir.server import Settings, create_app
from rgbir.server.engine import archive
from rgbir.server.engine.engine import Engine, Enrolment


@pytest.fixture
def http(empty: Path) -> Iterator[TestClient]:
    with TestClient(
        create_app(Settings(empty, BUNDLE, threads=1, max_bytes=300_000)), base_url="http://127.0.0.1"
    ) as opened:
        yield opened


def packed(folder: Path, people: SysuMM01, copies: int = 1) -> Path:
    with zipfile.ZipFile(folder / "images.zip", "w") as out:
        for number, record in enumerate(people.records("test", (1, 2))):
            for copy in range(copies):
                out.writestr(
                    f"{'door' if number % 2 else 'yard'}/{number}-{copy}.jpg", record.path.read_bytes() + bytes([copy])
                )
        out.writestr("attic/1.jpg", b"x")
        out.writestr("door/broken.jpg", b"not an image")
        out.writestr("door/large.jpg", b"\0" * 400_000)
        out.writestr("../../etc/passwd.jpg", b"x")
        out.writestr("notes.txt", b"x")
    return folder / "images.zip"


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two groups of images are enrolled, the third takes for ever: whoever ends the job comes in time."""
    enrol, groups = Engine.enrol, itertools.count(1)

    async def and_then_no_more(*given: Any, **more: Any) -> list[Enrolment]:
        if next(groups) > 2:
            await asyncio.sleep(100_000)
        made: list[Enrolment] = await enrol(*given, **more)
        return made

    with monkeypatch.context() as patched:
        patched.setattr(Engine, "enrol", and_then_no_more)
        yield


def ended(client: Client, job: Job) -> Job:
    until(lambda: client.job(job.id).ended_at is not None, "the job's end")
    return client.job(job.id)


def test_an_archive_is_enrolled_and_what_is_wrong_in_it_named(
    http: TestClient, people: SysuMM01, tmp_path: Path, empty: Path
) -> None:
    client = Client(http)
    job = client.start_job(packed(tmp_path, people))
    assert (job.total, job.who) == (24 + 5, "anyone")
    assert client.wait_for_job(job, timeout_s=HANGS_AFTER_S).state == "done"

    done = ended(client, job)

    assert (done.state, done.added, done.present, done.skipped) == ("done", 24, 0, 5)
    assert list((tmp_path / "gallery.jobs").iterdir()) == []
    assert "no camera 'attic'" in done.reasons["attic/1.jpg"]
    assert "no camera '..'" in done.reasons["../../etc/passwd.jpg"]
    assert "larger than 300,000 bytes" in done.reasons["door/large.jpg"]
    assert "door/broken.jpg" in done.reasons
    assert sum(done.skipped_by.values()) == 5
    with Gallery(empty) as gallery:
        assert (len(gallery), gallery.verify()) == (24, [])
    again = ended(client, client.start_job(tmp_path / "images.zip"))
    assert (again.added, again.present) == (0, 24)
    assert [listed["id"] for listed in http.get("/gallery/jobs").json()["jobs"]] == [job.id, again.id]


@pytest.mark.usefixtures("slow")
def test_a_job_is_cancelled_and_searches_go_on_meanwhile(
    http: TestClient, people: SysuMM01, tmp_path: Path, empty: Path
) -> None:
    client = Client(http)
    job = client.start_job(packed(tmp_path, people, copies=3))
    second = client.start_job(tmp_path / "images.zip")
    until(lambda: client.job(job.id).added == 32, "the second group")
    image = next(people.records("test", (3,))).path
    assert client.search(image, modality="ir", top_k=1).hits

    cancelled, waiting = client.cancel_job(job.id), client.cancel_job(second.id)

    assert cancelled.state == waiting.state == "cancelled"
    assert (cancelled.added, waiting.added) == (32, 0)
    with Gallery(empty) as gallery:
        assert len(gallery) == 32
        assert gallery.verify() == []


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("door\\a.jpg", None, ""),
        ("/door/a.jpg", None, ""),
        ("door/deep/er/a.JPEG", None, ""),
        ("a.jpg", "not in a folder", "the first folder is the camera"),
        ("door/a.heic", "suffix .heic", "JPEG, PNG, BMP, WEBP and TIFF are read"),
        ("door/b.gif", "suffix .gif", "are read"),
        ("door/Thumbs.db", "suffix .db", "are read"),
        ("__MACOSX/door/._a.jpg", "no such camera", "no camera '__MACOSX'"),
        ("attic/a.jpg", "no such camera", "no camera 'attic'"),
    ],
)  # fmt: skip
def test_no_file_of_an_archive_is_passed_over_in_silence(
    http: TestClient, people: SysuMM01, tmp_path: Path, name: str, kind: str | None, reason: str
) -> None:
    picture = next(people.records("test", (1,))).path.read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as out:
        info = zipfile.ZipInfo("x")
        info.filename = name
        out.writestr(info, picture)
    done = ended(Client(http), Client(http).start_job(tmp_path / "one.zip"))
    assert (done.state, done.total) == ("done", 1)
    if kind is None:
        assert (done.added, done.skipped) == (1, 0)
    else:
        assert (done.added, done.skipped, done.skipped_by) == (0, 1, {kind: 1})
        assert reason in "".join(done.reasons.values())


def test_a_table_of_contents_that_is_too_long_is_refused_unread(
    http: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as out:
        for number in range(200):
            out.writestr(f"door/{number:04}.jpg", b"")
    assert archive._directory_bytes(tmp_path / "many.zip") == 200 * (46 + len("door/0000.jpg"))
    monkeypatch.setattr(archive, "MOST_DIRECTORY_BYTES", 10_000)
    with pytest.raises(Unprocessable, match="table of contents has 11,800 bytes; at most 10,000 are read"):
        Client(http).start_job(tmp_path / "many.zip")
    assert list((tmp_path / "gallery.jobs").iterdir()) == []


def test_what_is_no_archive_is_refused_and_nothing_left_behind(http: TestClient, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 but no archive")
    client = Client(http)
    with pytest.raises(Unprocessable, match="is no ZIP file that can be read"):
        client.start_job(tmp_path / "x.zip")
    assert list((tmp_path / "gallery.jobs").iterdir()) == []
    with pytest.raises(NotFound, match="no job 'nothing'"):
        client.job("nothing")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        out.writestr("door/a.jpg", b"x" * 1000)
    content = bytearray(buffer.getvalue())
    content[60] ^= 0xFF
    (tmp_path / "x.zip").write_bytes(content)
    harmed = ended(client, client.start_job(tmp_path / "x.zip"))
    assert (harmed.state, harmed.skipped) == ("done", 1)


@pytest.mark.slow
def test_a_job_goes_on_after_a_restart_and_after_a_kill(empty: Path, people: SysuMM01, tmp_path: Path) -> None:
    archive = packed(tmp_path, people, copies=10)
    with TestClient(create_app(Settings(empty, BUNDLE, threads=1)), base_url="http://127.0.0.1") as http:
        client = Client(http)
        job = client.start_job(archive)
        until(lambda: client.job(job.id).added >= 16, "the first group")
    with process(empty) as (server, port), Client(f"http://127.0.0.1:{port}") as client:
        assert client.job(job.id).total == 245
        second = client.start_job(archive)
        server.kill()
    (empty.with_name("gallery.jobs") / "half.zip").write_bytes(b"PK")
    with TestClient(create_app(Settings(empty, BUNDLE, threads=1)), base_url="http://127.0.0.1") as http:
        first, again = (ended(Client(http), Client(http).job(unfinished.id)) for unfinished in (job, second))
    assert (first.state, first.total, first.added + first.present) == ("done", 245, 240)
    assert first.present <= 32  # of the groups that were on their way, twice
    assert (again.state, again.added, again.present) == ("done", 0, 240)
    assert list(empty.with_name("gallery.jobs").iterdir()) == []
    with Gallery(empty) as gallery:
        assert (len(gallery), gallery.verify()) == (240, [])


def test_an_archive_that_finds_no_room_is_refused_and_nothing_left(
    http: TestClient, people: SysuMM01, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rgbir.server.engine.jobs.shutil.copyfileobj", full)
    refused = http.post("/gallery/jobs", files=[("archive", packed(tmp_path, people).read_bytes())])
    assert (refused.status_code, "No space left on device; nothing was taken" in refused.text) == (503, True)
    assert list((tmp_path / "gallery.jobs").iterdir()) == []


@pytest.mark.parametrize(
    "note",
    [b"", b"{", b"null", b"{}", b"\0" * 4096, b"\xff\xfe", b'{"who": "x", "total": "?", "cameras": null, "made_at": 1}',
     b'{"who": "x", "total": 1, "cameras": "all", "made_at": "2026-01-01T00:00:00Z"}'],
)  # fmt: skip
def test_a_damaged_note_keeps_no_server_from_starting_and_its_archive_enrols_nothing(
    empty: Path, people: SysuMM01, tmp_path: Path, note: bytes
) -> None:
    folder = empty.with_name("gallery.jobs")
    folder.mkdir()
    (folder / "strange.json").mkdir()
    (folder / "broken.json").write_bytes(note)
    packed(tmp_path, people).rename(folder / "broken.zip")
    with TestClient(create_app(Settings(empty, BUNDLE, threads=1)), base_url="http://127.0.0.1") as http:
        client = Client(http)
        assert client.ready()
        job = client.job("broken")
        assert (job.state, job.added) == ("failed", 0)
        assert "send it again" in (job.error or "")
        assert ended(client, client.start_job(packed(tmp_path, people))).added == 24
    assert [path.name for path in folder.iterdir()] == ["strange.json"]


def images(archive: Path, camera: str) -> dict[str, bytes]:
    """Those of a camera that can be read, by the id that they are enrolled with."""
    with zipfile.ZipFile(archive) as opened:
        named = [opened.read(name) for name in opened.namelist() if name.startswith(f"{camera}/")]
    pictures = (data for data in named if data[:3] == b"\xff\xd8\xff")
    return {sighting_id(camera, "", digest_of(data)): data for data in pictures}


@pytest.mark.parametrize("by", ["camera", pytest.param("ids", marks=pytest.mark.slow)])
@pytest.mark.slow
def test_what_is_erased_while_an_archive_waits_is_not_enrolled_from_it(
    empty: Path, people: SysuMM01, tmp_path: Path, by: str
) -> None:
    archive = packed(tmp_path, people, copies=10)
    gone = images(archive, "yard") if by == "camera" else dict(list(images(archive, "door").items())[:12])
    with process(empty) as (server, port), Client(f"http://127.0.0.1:{port}") as client:
        first, second = client.start_job(archive), client.start_job(archive)
        until(lambda: client.job(first.id).added >= 16, "the first group")
        if by == "camera":
            removed = client.erase(camera="yard")
            assert set(removed.archives) == {first.id, second.id}
        else:
            with pytest.raises(NotFound):
                client.remove(list(gone)[-1])  # not enrolled yet: by its camera, then, or when it is
            for sighting in gone:
                until(partial(present, client, sighting), "the sighting")
                client.remove(sighting)
        server.kill()
    with process(empty) as (server, port), Client(f"http://127.0.0.1:{port}") as client:
        done = ended(client, client.job(second.id))
        until(lambda: not list(empty.with_name("gallery.jobs").iterdir()), "the archives' end")
        assert done.state == "done"
        assert "it was erased after the archive was received" in done.reasons.values()
        with Gallery(empty) as gallery:
            enrolled = {sighting.id for sighting in gallery.sightings()}
            assert enrolled & set(gone) == set()
            assert enrolled == (set(images(archive, "door")) | set(images(archive, "yard"))) - set(gone)
        again, data = next(iter(gone.items()))  # on purpose, and so it stays
        camera = "yard" if by == "camera" else "door"
        assert client.enrol(data, camera=camera)[0].status == "added"
        server.kill()
    with Gallery(empty) as gallery:
        assert gallery.known([again]) == {again}
        assert gallery.verify() == []


def present(client: Client, sighting: str) -> bool:
    try:
        return client.sighting(sighting).id == sighting
    except NotFound:
        return False


@pytest.mark.slow
def test_a_second_server_leaves_the_archives_of_the_first_alone(empty: Path, people: SysuMM01, tmp_path: Path) -> None:
    archive = packed(tmp_path, people, copies=10)
    folder = empty.with_name("gallery.jobs")
    with process(empty) as (server, port), Client(f"http://127.0.0.1:{port}") as client:
        job = client.start_job(archive)
        with TestClient(create_app(Settings(empty, BUNDLE, threads=1)), base_url="http://127.0.0.1") as http:
            assert http.get("/gallery/jobs").json() == {"jobs": []}
            assert (folder / f"{job.id}.zip").is_file()
        done = ended(client, client.job(job.id))
        assert (done.state, done.added, done.present) == ("done", 240, 0)
        second = client.start_job(archive)
        server.kill()
    with TestClient(create_app(Settings(empty, BUNDLE, threads=1)), base_url="http://127.0.0.1") as http:
        assert ended(Client(http), Client(http).job(second.id)).present == 240
    assert list(folder.iterdir()) == []


class Trickle(io.BytesIO):
    """An upload that stops at a place until somebody has looked."""

    def __init__(self, data: bytes, look: Callable[[], object]) -> None:
        super().__init__(data)
        self.look = look

    def read(self, size: int | None = -1) -> bytes:
        self.look()
        return super().read(size)


def test_an_archive_that_is_being_received_is_nobodys_leftover(empty: Path, people: SysuMM01, tmp_path: Path) -> None:
    data = packed(tmp_path, people).read_bytes()
    settings = Settings(empty, BUNDLE, threads=1)
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        jobs = http.app.state.jobs  # type: ignore[attr-defined]

        def look() -> None:
            with TestClient(create_app(settings), base_url="http://127.0.0.1") as other:
                assert other.get("/gallery/jobs").json() == {"jobs": []}

        taken = jobs.take(Trickle(data, look))
        assert taken.read_bytes() == data
        jobs.refuse(taken)
    assert list(empty.with_name("gallery.jobs").iterdir()) == []


def test_jobs_whose_folder_is_replaced_end_with_a_reason(
    http: TestClient, empty: Path, people: SysuMM01, tmp_path: Path
) -> None:
    client = Client(http)
    job = client.start_job(packed(tmp_path, people, copies=20))
    until(lambda: client.job(job.id).added >= 16, "the first group")
    folder = empty.with_name("gallery.jobs")
    folder.rename(tmp_path / "moved")
    folder.mkdir()
    done = ended(client, job)
    assert done.state == "failed"
    assert "the file was replaced" in str(done.error) or "No such file" in str(done.error)
