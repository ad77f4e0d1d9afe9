"""Archives with a table: what its rows say goes with their images, and what doesn't fit is named."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.conftest import BUNDLE
from tests.server.processes import process
from tests.waiting import until

from rgbir.client import Client, Unprocessable
from rgbir.client.wire import Job
from rgbir.index import Gallery, SysuMM01, digest_of
from rgbir.index.gallery.sightings import sighting_id
from rgbir.server import Settings, create_app
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.engine import archive

NOW = datetime(2026, 11, 2, 22, 15, tzinfo=UTC)


@pytest.fixture
def http(empty: Path) -> Iterator[TestClient]:
    with TestClient(
        create_app(Settings(empty, BUNDLE, threads=1, max_bytes=300_000)), base_url="http://127.0.0.1"
    ) as opened:
        yield opened


@pytest.fixture
def pictures(people: SysuMM01) -> list[bytes]:
    return [record.path.read_bytes() for record in people.records("test", (1, 2))]


def packed(file: Path, members: dict[str, bytes], table: bytes | Sequence[Sequence[str]]) -> Path:
    if not isinstance(table, bytes):
        text = io.StringIO(newline="")
        csv.writer(text).writerows(table)
        table = text.getvalue().encode()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members.items():
            out.writestr(name, data)
        out.writestr("sightings.csv", table)
    return file


def ended(client: Client, job: Job) -> Job:
    until(lambda: client.job(job.id).ended_at is not None, "the job's end")
    return client.job(job.id)


def labels(gallery: Gallery, camera: str, data: bytes, box: Any = None) -> Any:
    enrolled = gallery.get(sighting_id(camera, "", digest_of(data, box)))
    return enrolled and (enrolled.taken_at, enrolled.identity, enrolled.track)


def test_a_tables_rows_are_enrolled_with_their_labels_and_the_rest_is_named(
    http: TestClient, empty: Path, pictures: list[bytes], tmp_path: Path
) -> None:
    members = {
        "door/1.jpg": pictures[0],
        "frames\\2.jpg": pictures[1],
        "3.jpg": pictures[2],
        "door/4.jpg": pictures[3],
        "door/nobody.jpg": pictures[4],
        "door/broken.jpg": b"no image",
        "door/notes.txt": b"x",
    }
    file = packed(
        tmp_path / "a.zip",
        members,
        [
            ["path", "camera", "time", "identity", "track", "box"],
            ["door/1.jpg", "", NOW.isoformat(), "7", "t-1", ""],
            ["frames/2.jpg", "yard", "", "", "t-2", "2,2,40,90"],
            ["frames/2.jpg", "yard", NOW.isoformat(), "3", "t-3", "5,5,50,100"],
            ["/3.jpg", "door", "2026-11-02T23:15:00+01:00", "", "", ""],
            ["door/4.jpg", "", "2026-11-02 22:15", "", "", ""],
            ["door/4.jpg", "attic", "", "", "", ""],
            ["door/5.jpg", "", "", "", "", "1,2,3,4"],
            ["5.jpg", "", "", "", "", ""],
            ["door/broken.jpg", "", "", "", "", ""],
        ],
    )
    client = Client(http)

    done = ended(client, client.start_job(file))

    assert (done.state, done.total, done.added, done.present, done.skipped) == ("done", 11, 4, 0, 7)
    assert "time" in done.reasons["sightings.csv line 6"]
    assert "has no camera" in done.reasons["sightings.csv line 9"]
    assert "no camera 'attic'" in done.reasons["door/4.jpg"]
    assert done.reasons["door/5.jpg [1 2 3 4]"] == "sightings.csv names it, and the archive has no such file"
    assert done.reasons["door/nobody.jpg"] == "no row of sightings.csv names it"
    assert "not an image of a known format" in done.reasons["door/broken.jpg"]
    assert "no image by its name" in done.reasons["door/notes.txt"]
    assert done.skipped_by["a row that can't be read"] == 2
    with Gallery(empty) as gallery:
        assert len(gallery) == 4
        assert labels(gallery, "door", pictures[0]) == (NOW, 7, "t-1")
        assert labels(gallery, "yard", pictures[1], (2, 2, 40, 90)) == (None, None, "t-2")
        assert labels(gallery, "yard", pictures[1], (5, 5, 50, 100)) == (NOW, 3, "t-3")
        assert labels(gallery, "door", pictures[2]) == (NOW, None, None)
    again = ended(client, client.start_job(file))
    assert (again.added, again.present, again.skipped) == (0, 4, 7)
    other = packed(tmp_path / "b.zip", {"door/1.jpg": pictures[0]}, [["path", "track"], ["door/1.jpg", "t-9"]])
    told = ended(client, client.start_job(other))
    assert (told.present, told.skipped_by) == (0, {"enrolled with other labels": 1})
    assert "it is enrolled with track t-1, not t-9" in told.reasons["door/1.jpg"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"path,track\nd\xf6or/1.jpg,t\n", "sightings.csv is not UTF-8 text"),
        (b"\xff\xfep\x00a", "sightings.csv is not UTF-8 text"),
        (b"", "the header misses path"),
        (b"path,colour\n", "unknown columns colour"),
        (b'path\n"' + b"x\n" * 100_000, "not a CSV table"),
        (b"path\n" + b"," * 70_000, "a line of sightings.csv has more than 65,536 characters"),
        (b"0" * (archive.MOST_TABLE_BYTES + 1), "larger than 16,777,216 bytes"),
        (b"path\n" + b"a\n" * (archive.MOST_ROWS + 1), "has more than 200,000 rows"),
    ],
)
@pytest.mark.slow
def test_a_table_that_is_none_or_too_long_is_refused_in_words(
    http: TestClient, tmp_path: Path, table: bytes, words: str
) -> None:
    with pytest.raises(Unprocessable, match=words):
        Client(http).start_job(packed(tmp_path / "a.zip", {"door/1.jpg": b"x"}, table))
    assert list((tmp_path / "gallery.jobs").iterdir()) == []


def test_an_archive_with_two_tables_is_refused(http: TestClient, tmp_path: Path) -> None:
    file = packed(tmp_path / "a.zip", {"/sightings.csv": b"path\n"}, b"path\n")
    with pytest.raises(Unprocessable, match=r"holds sightings\.csv 2 times"):
        Client(http).start_job(file)


def test_a_table_adds_nothing_to_a_camera_that_the_key_doesn_t_have(
    empty: Path, pictures: list[bytes], tmp_path: Path
) -> None:
    token = Keyring(tmp_path / "keys.json").add("door", Role.ENROL, cameras=("door",))
    settings = Settings(empty, BUNDLE, threads=1, keys=tmp_path / "keys.json")
    file = packed(
        tmp_path / "a.zip",
        {"door/1.jpg": pictures[0], "door/2.jpg": pictures[1]},
        [["path", "camera"], ["door/1.jpg", "yard"], ["door/2.jpg", ""]],
    )
    with TestClient(
        create_app(settings), base_url="http://127.0.0.1", headers={"Authorization": f"Bearer {token}"}
    ) as http:
        done = ended(Client(http), Client(http).start_job(file))
    assert (done.added, done.skipped_by) == (1, {"not this key's camera": 1})


@pytest.mark.slow
def test_a_job_with_a_table_goes_on_after_a_kill_and_loses_no_label(
    empty: Path, pictures: list[bytes], tmp_path: Path
) -> None:
    members = {f"frames/{number:03}.jpg": pictures[number % 12] + bytes([number]) for number in range(60)}
    boxes = [(0, 0, 30, 60), (4, 4, 40, 80)]
    rows = [
        [name, "door", (NOW + timedelta(seconds=number)).isoformat(), str(number), f"t{number % 9}", f"{box}"[1:-1]]
        for number, name in enumerate(members)
        for box in boxes
    ]
    file = packed(tmp_path / "a.zip", members, [["path", "camera", "time", "identity", "track", "box"], *rows])
    with process(empty) as (server, port), Client(f"http://127.0.0.1:{port}") as client:
        job = client.start_job(file)
        until(lambda: client.job(job.id).added >= 16, "the first group")
        server.kill()
    with TestClient(create_app(Settings(empty, BUNDLE, threads=1)), base_url="http://127.0.0.1") as http:
        done = ended(Client(http), Client(http).job(job.id))
    assert (done.state, done.total, done.added + done.present, done.skipped) == ("done", 120, 120, 0)
    with Gallery(empty) as gallery:
        assert (len(gallery), gallery.verify()) == (120, [])
        for number, data in enumerate(members.values()):
            for box in boxes:
                expected = (NOW + timedelta(seconds=number), number, f"t{number % 9}")
                assert labels(gallery, "door", data, box) == expected
