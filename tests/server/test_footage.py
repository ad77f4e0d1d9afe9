"""Films that are sent to a server: whoever passes is enrolled, over stops and changes of the model, and nothing is left behind."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
import json
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import time_machine
from fastapi.testclient import TestClient
from PIL import Image
from tests.commands import run
from tests.conftest import BUNDLE, ROOT, made_once
from tests.detectors import written
from tests.films import EVERY_S, film_of
from tests.index.yard import network
from tests.waiting import until

from rgbir.client import AsyncClient, Busy, Client
from rgbir.client.wire import Job
from rgbir.footage.cli.sending import send
from rgbir.footage.enrolment import Manner, enrol_recording
from rgbir.footage.film import write_sound
from rgbir.footage.recordings import Recording
from rgbir.index import Bundle, Encoder, Gallery, Modality, Sighting, SysuMM01, UsageError
from rgbir.server import Settings, create_app
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.engine import films, part
from rgbir.server.engine.kept import KeptFilms

pytest.importorskip("av")
PEOPLE = 4
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = made_once(tmp_path_factory, "film", lambda folder: film_of(folder / "door.mp4", PEOPLE))
    return folder / "door.mp4"


@pytest.fixture
def kept(empty: Path) -> Path:
    """A gallery that keeps people for a month."""
    with Gallery(empty) as gallery:
        gallery.set_keep_days(30)
    return empty


def settings(gallery: Path, **more: Any) -> Settings:
    return Settings(gallery, BUNDLE, threads=1, **more)


@pytest.fixture
def http(kept: Path, tmp_path: Path) -> Iterator[TestClient]:
    with opened(settings(kept, audit=tmp_path / "audit.jsonl")) as client:
        yield client


def opened(settings: Settings) -> TestClient:
    return TestClient(create_app(settings), base_url="http://127.0.0.1")


def ended(client: Client, job: Job) -> Job:
    until(lambda: client.job(job.id).ended_at is not None, "the job's end")
    return client.job(job.id)


def log(tmp_path: Path, action: str) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    return [entry for entry in entries if entry["action"] == action]


def changed_model(folder: Path) -> None:
    """A model that gives colour other embeddings: the two graphs change places."""
    shutil.copytree(BUNDLE, folder)
    card = json.loads((folder / "card.json").read_text())
    graphs = card["graphs"]
    graphs["rgb"], graphs["ir"] = graphs["ir"], graphs["rgb"]
    (folder / "card.json").write_text(json.dumps(card | {"name": folder.name}))


def sightings(gallery: Path) -> dict[str, Sighting]:
    """By id; their rows' numbers are how often the store was asked."""
    with Gallery(gallery) as there:
        assert there.verify() == []
        return {sighting.id: replace(sighting, row=0) for sighting in there.sightings()}


@pytest.fixture
def wanted(film: Path, encoder: Encoder, tmp_path: Path) -> dict[str, Sighting]:
    """What `rgbir footage add` makes of the film, without any server."""
    with Gallery.open_or_create(tmp_path / "by-hand/gallery", encoder.card, network(["door", "yard"])) as gallery:
        manner = Manner(start=BEGAN)
        enrol_recording(Recording.at(film), gallery.network["door"], gallery, encoder, manner=manner)
    return sightings(tmp_path / "by-hand/gallery")


@pytest.fixture
def held_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldUp]:
    with monkeypatch.context() as patched:
        held_up = HeldUp()
        enrol = films._Gallery.enrol

        def after_the_first(gallery: films._Gallery, *given: Any) -> films.Written:
            held_up.wait(gallery.stopped)
            written = enrol(gallery, *given)
            held_up.batches += 1
            return written

        patched.setattr(films._Gallery, "enrol", after_the_first)
        yield held_up
        held_up.go_on()


class HeldUp:
    """Jobs of films that come so far as to enrol the first people, and wait there before the next."""

    def __init__(self) -> None:
        self.batches, self.free = 0, threading.Event()

    def wait(self, stopped: Callable[[], bool]) -> None:
        if self.batches:
            until(lambda: self.free.is_set() or stopped(), "the word to go on")

    def go_on(self) -> None:
        self.free.set()


@pytest.mark.slow
def test_whoever_passes_in_a_film_is_enrolled_as_the_command_does_and_the_film_is_deleted(
    http: TestClient, film: Path, kept: Path, tmp_path: Path, wanted: dict[str, Sighting]
) -> None:
    client = Client(http)
    job = client.enrol_footage(film, camera="door", start=BEGAN, purpose="theft", case="26-1")
    assert (job.kind, job.who, job.total) == ("footage", "anyone", 1)

    done = ended(client, job)

    assert (done.state, done.error, done.added, done.present, done.skipped) == ("done", None, len(wanted), 0, 0)
    assert sightings(kept) == wanted
    assert done.film is not None
    assert (done.film.camera, done.film.found_by, done.film.seconds) == ("door", "motion", PEOPLE * EVERY_S)
    assert done.film.shots == len(wanted)
    assert done.film.tracks == len({sighting.track for sighting in wanted.values()})
    assert list((tmp_path / "gallery.jobs").iterdir()) == []
    (begun,), (end,) = log(tmp_path, "enrol footage"), log(tmp_path, "enrolled footage")
    digest = hashlib.sha256(film.read_bytes()).hexdigest()
    for entry in (begun, end):
        assert (entry["who"], entry["job"], entry["sha256"]) == ("anyone", job.id, digest)
        assert (entry["camera"], entry["name"], entry["purpose"], entry["case"]) == ("door", film.name, "theft", "26-1")
    assert (end["state"], end["added"], end["present"], end["found_by"]) == ("done", len(wanted), 0, "motion")
    assert datetime.fromisoformat(end["span"][0]) == BEGAN
    assert datetime.fromisoformat(end["span"][1]) == BEGAN + timedelta(seconds=PEOPLE * EVERY_S - 0.2)


@pytest.mark.slow
def test_the_same_film_twice_enrols_nobody_twice(http: TestClient, film: Path, wanted: dict[str, Sighting]) -> None:
    client = Client(http)
    first = client.enrol_footage(film, camera="door", start=BEGAN)
    second = client.enrol_footage(film, camera="door", start=BEGAN)
    assert ended(client, first).added == len(wanted)
    again = ended(client, second)
    assert (again.state, again.added, again.present) == ("done", 0, len(wanted))
    assert client.gallery().sightings == len(wanted)
    counts = http.get("/metrics").text
    assert 'rgbir_footage_jobs_total{state="done"} 2.0' in counts
    assert f'rgbir_footage_sightings_total{{status="added"}} {len(wanted)}.0' in counts
    assert f'rgbir_footage_sightings_total{{status="present"}} {len(wanted)}.0' in counts
    assert f"rgbir_footage_seconds_total {2 * (PEOPLE * EVERY_S - 0.2)}" in counts


@pytest.mark.slow
def test_a_cancelled_film_keeps_whom_it_enrolled(
    http: TestClient, film: Path, tmp_path: Path, kept: Path, wanted: dict[str, Sighting], held_up: HeldUp
) -> None:
    client = Client(http)
    job, second = (client.enrol_footage(film, camera="door", start=BEGAN) for _ in range(2))
    until(lambda: held_up.batches == 1, "the first people")

    waiting, cancelled = client.cancel_job(second.id), client.cancel_job(job.id)

    assert (cancelled.state, waiting.state, waiting.added) == ("cancelled", "cancelled", 0)
    assert 0 < cancelled.added < len(wanted)
    there = sightings(kept)
    assert len(there) == cancelled.added
    assert there.items() <= wanted.items()
    assert list((tmp_path / "gallery.jobs").iterdir()) == []
    assert [(end["state"], end["added"]) for end in log(tmp_path, "enrolled footage")] == [
        ("cancelled", 0),
        ("cancelled", cancelled.added),
    ]


@pytest.mark.slow
def test_a_film_goes_on_after_a_restart(
    film: Path, kept: Path, tmp_path: Path, wanted: dict[str, Sighting], held_up: HeldUp
) -> None:
    with opened(settings(kept)) as http:
        job = Client(http).enrol_footage(film, camera="door", start=BEGAN)
        until(lambda: held_up.batches == 1, "the first people")
    assert len(list((tmp_path / "gallery.jobs").iterdir())) == 2
    held_up.go_on()
    with opened(settings(kept)) as http:
        done = ended(Client(http), job)
    assert (done.state, done.added + done.present) == ("done", len(wanted))
    assert sightings(kept) == wanted
    assert list((tmp_path / "gallery.jobs").iterdir()) == []


@pytest.mark.parametrize("by", ["camera", "id"])
@pytest.mark.slow
def test_who_is_erased_while_a_film_waits_is_not_enrolled_from_it(
    http: TestClient, film: Path, kept: Path, wanted: dict[str, Sighting], held_up: HeldUp, by: str
) -> None:
    client = Client(http)
    first, second = (client.enrol_footage(film, camera="door", start=BEGAN) for _ in range(2))
    until(lambda: held_up.batches == 1, "the first people")
    there = sightings(kept)
    gone = set(there) if by == "camera" else {sorted(there)[0]}
    removed = client.erase(camera="door") if by == "camera" else client.erase(sighting=list(gone))
    assert set(removed.archives) == {first.id, second.id}
    held_up.go_on()
    done, again = ended(client, first), ended(client, second)
    assert (done.state, again.state) == ("done", "done")
    left = set() if by == "camera" else set(wanted) - gone
    assert set(sightings(kept)) == left
    assert again.skipped == len(wanted) - len(left)
    assert again.skipped_by == {"erased after the film was received": again.skipped}
    later = ended(client, client.enrol_footage(film, camera="door", start=BEGAN))  # on purpose
    assert set(sightings(kept)) == set(wanted)
    assert (later.added, later.skipped) == (len(wanted) - len(left), 0)


@pytest.mark.slow
def test_a_model_that_is_changed_in_the_middle_leaves_no_embedding_of_the_old_one(
    film: Path, kept: Path, tmp_path: Path, wanted: dict[str, Sighting], held_up: HeldUp, people: SysuMM01
) -> None:
    other = tmp_path / "bundles/thin"
    changed_model(other)
    with opened(settings(kept, bundles=tmp_path / "bundles")) as http:
        client = Client(http)
        (elsewhere,) = client.enrol(
            next(people.records("test", (1,))).path, camera="yard"
        )  # found by those at the door
        job = client.enrol_footage(film, camera="door", start=BEGAN)
        until(lambda: held_up.batches == 1, "the first people")
        client.prepare_model("thin")
        until(lambda: client.models()[1].state == "ready", "the other model")
        # The rest is encoded by the old model, and about to be written, when the new one takes over.
        write, first = films._Gallery._write, threading.Event()

        def late(gallery: films._Gallery, now: Any, made: Any) -> films.Written | None:
            assert first.is_set() or now.name == BUNDLE.name
            first.set()
            return write(gallery, now, made)

        encode = films._Encodes.encode

        def and_swap(encodes: films._Encodes, *given: Any) -> Any:
            made = encode(encodes, *given)
            if encodes.now.name == BUNDLE.name:
                client.activate_model("thin")
            return made

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(films._Encodes, "encode", and_swap)
            patched.setattr(films._Gallery, "_write", late)
            held_up.go_on()
            done = ended(client, job)
        assert (done.state, done.added) == ("done", len(wanted))
        fingerprint = client.gallery().fingerprint
        answering = tmp_path / f"gallery.{fingerprint}"
    there = sightings(answering)
    assert there.keys() == wanted.keys() | {elsewhere.id}
    encoder = Encoder(Bundle(other), threads=1)
    with Gallery(answering) as gallery:
        for sighting in there.values():
            crop = gallery.crop(sighting.id)
            assert crop is not None
            picture = Image.open(io.BytesIO(crop.data)).convert("RGB")
            embedded = encoder.card.metric.prepare(encoder.embed([picture], Modality.RGB))[0]
            np.testing.assert_allclose(gallery.embeddings([sighting.id])[0], embedded, atol=1e-4)


# --- what can't be


@pytest.mark.slow
def test_a_film_of_which_nobody_knows_the_time_is_refused_where_people_are_kept_for_some_days(
    http: TestClient, film: Path, kept: Path, tmp_path: Path
) -> None:
    client = Client(http)
    nowhen = ended(client, client.enrol_footage(film, camera="door"))
    assert nowhen.state == "failed"
    assert "nobody knows when it was taken" in (nowhen.error or "")
    assert "say start, or name_time with zone" in (nowhen.error or "")
    old = ended(client, client.enrol_footage(film, camera="door", start=BEGAN - timedelta(days=400)))
    assert (old.state, "nothing of it would stay" in (old.error or "")) == ("failed", True)
    assert sightings(kept) == {}
    assert list((tmp_path / "gallery.jobs").iterdir()) == []
    assert [end["error"] for end in log(tmp_path, "enrolled footage")] == [nowhen.error, old.error]


@pytest.mark.slow
def test_a_gallery_without_a_rule_takes_films_only_if_that_is_meant(empty: Path, film: Path) -> None:
    with opened(settings(empty)) as http:
        answer = http.post("/gallery/footage", files={"film": film.read_bytes()}, data={"camera": "door"})
        assert (answer.status_code, answer.json()["code"]) == (409, "no-retention")
        assert "--no-retention" in answer.json()["detail"]
        assert http.get("/gallery/jobs").json() == {"jobs": []}
    with opened(settings(empty, no_retention=True)) as http:
        assert ended(Client(http), Client(http).enrol_footage(film, camera="door")).state == "done"


@pytest.mark.slow
def test_a_rule_that_is_taken_away_while_a_film_waits_ends_its_job(
    http: TestClient, film: Path, kept: Path, held_up: HeldUp
) -> None:
    client = Client(http)
    first, second = (client.enrol_footage(film, camera="door", start=BEGAN) for _ in range(2))
    until(lambda: held_up.batches == 1, "the first people")
    with Gallery(kept) as gallery:
        gallery.set_keep_days(None)
    held_up.go_on()
    assert ended(client, first).state == "done"
    late = ended(client, second)
    assert (late.state, late.added, "keeps them for ever" in (late.error or "")) == ("failed", 0, True)


@pytest.mark.parametrize("lacking", ["the part", "PyAV"])
def test_a_server_without_the_part_says_what_to_install(
    kept: Path, film: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    if lacking == "the part":
        monkeypatch.setattr(part, "entry_points", lambda group: [])
        part._loaded.cache_clear()
    else:
        monkeypatch.setattr("rgbir.footage.served.find_spec", lambda name: None)
    try:
        with opened(settings(kept)) as http:
            answer = http.post("/gallery/footage", files={"film": film.read_bytes()}, data={"camera": "door"})
            assert (answer.status_code, answer.json()["code"]) == (501, "no-footage")
            assert "pip install 'rgbir[footage]'" in answer.json()["detail"]
            assert not http.get("/me").json()["films"]
    finally:
        part._loaded.cache_clear()


@pytest.mark.slow
def test_a_playlist_and_a_film_without_pictures_and_an_empty_one_enrol_nobody(
    http: TestClient, kept: Path, tmp_path: Path
) -> None:
    client = Client(http)
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")
    write_sound(tmp_path / "sound.mp4")
    (tmp_path / "empty.mp4").write_bytes(b"")
    for name, reason in (("list", "it is a playlist"), ("sound", "it has no video"), ("empty", "the file is empty")):
        done = ended(client, client.enrol_footage(tmp_path / f"{name}.mp4", camera="door", start=BEGAN))
        assert (done.state, done.added) == ("failed", 0)
        assert reason in (done.error or "")
    assert sightings(kept) == {}
    assert list((tmp_path / "gallery.jobs").iterdir()) == []


def test_a_film_that_crashes_its_decoder_ends_its_own_job_only(
    http: TestClient, film: Path, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(http)
    with monkeypatch.context() as patched:
        patched.syspath_prepend(str(ROOT))
        patched.setattr("rgbir.footage.decoding.apart.DECODER", "tests.crash")
        crashed = ended(client, client.enrol_footage(film, camera="door", start=BEGAN))
    assert crashed.state == "failed"
    assert "its decoder crashed (SIGSEGV)" in (crashed.error or "")
    assert ended(client, client.enrol_footage(film, camera="door", start=BEGAN)).state == "done"


def test_a_film_that_breaks_off_keeps_who_is_in_its_beginning(http: TestClient, film: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.ts"
    film_of(whole, 2)
    (tmp_path / "cut.ts").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    done = ended(Client(http), Client(http).enrol_footage(tmp_path / "cut.ts", camera="door", start=BEGAN))
    assert done.state == "done"
    assert done.added > 0
    assert done.film is not None
    assert 0 < done.film.seconds_done < EVERY_S * 2 - 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"camera": "attic"}, "no camera 'attic'"),
        ({"start": "2026-11-02T22:15:00"}, "start needs a zone"),
        ({"start": "yesterday"}, "start"),
        ({"start": "2026-11-02T22:15:00", "zone": "Europe/Nowhere"}, "no time zone"),
        ({"start": "2026-10-25T02:30:00", "zone": "Europe/Berlin"}, "occurred twice in Europe/Berlin"),
        ({"name_time": "%Y-%H"}, "name_time is one of"),
        ({"name_time": "axis", "zone": "UTC"}, "its name tells no time by 'axis'; correct name_time, or say start"),
        ({"name_time": "axis", "start": "2026-11-02T22:15:00Z"}, "start or name_time, not both"),
        ({"start": "2026-11-02T22:15:00Z", "zone": "Europe/Berlin"}, "has an offset; leave zone out"),
        ({"name_time": "unix", "zone": "Europe/Berlin"}, "has an offset; leave zone out"),
        ({"zone": "Europe/Berlin"}, "no time is said; leave zone out"),
        ({"right_at": "2026-11-02T22:15:00Z"}, "say drift, too"),
        ({"right_at": "2026-11-02T22:15:00", "drift": "2"}, "right_at needs a zone"),
        ({"offset": "nan"}, "nan seconds off"),
        ({"sample": "61"}, "sample"),
        ({"sample": "nan"}, "sample"),
        ({"shots": "0"}, "shots"),
        ({"confidence": "1.5"}, "confidence"),
        ({"detector": "motion"}, "no form field 'detector'"),
        ({"keep_days": "3"}, "no form field 'keep_days'"),
    ],
)  # fmt: skip
def test_fields_that_can_not_be_are_refused_by_name(
    http: TestClient, tmp_path: Path, fields: dict[str, str], reason: str
) -> None:
    answer = http.post("/gallery/footage", files={"film": ("clip.mp4", b"x")}, data={"camera": "door"} | fields)
    assert (answer.status_code, reason in answer.json()["detail"]) == (422, True), answer.text
    assert not (tmp_path / "gallery.jobs").exists() or not list((tmp_path / "gallery.jobs").iterdir())


@pytest.mark.parametrize("name", ["a\x1b[2Jb.mp4", "..", "x" * 1001])
def test_a_name_that_can_not_be_shown_is_refused(http: TestClient, name: str) -> None:
    answer = http.post("/gallery/footage", files={"film": (name, b"x")}, data={"camera": "door"})
    assert answer.status_code == 422, answer.text


def test_a_name_with_folders_tells_the_time_and_is_shown_without_them(http: TestClient, film: Path, kept: Path) -> None:
    client = Client(http)
    called = f"{BEGAN:/mnt/%Y-%m-%d}/001/dav/{BEGAN:%H/%H.%M.%S}-{BEGAN + timedelta(seconds=32):%H.%M.%S}[R].dav"
    done = ended(
        client, client.enrol_footage(film, camera="door", called=called, name_time="dahua", zone="UTC", shots=1)
    )
    assert done.film is not None
    assert (done.state, done.film.start, done.film.time_from) == ("done", BEGAN, "name (dahua)")
    name = called.rpartition("/")[2]
    assert {sighting.source.partition("#")[0] for sighting in sightings(kept).values()} == {name}
    assert done.film.shots == done.film.tracks


def test_what_is_too_large_or_too_long_is_refused(kept: Path, film: Path, tmp_path: Path) -> None:
    with opened(settings(kept, max_footage_bytes=film.stat().st_size - 1)) as http:
        answer = http.post("/gallery/footage", files={"film": film.read_bytes()}, data={"camera": "door"})
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    with opened(settings(kept, max_bytes=1000, max_footage_seconds=PEOPLE * EVERY_S - 1)) as http:
        done = ended(Client(http), Client(http).enrol_footage(film, camera="door", start=BEGAN))
        assert (done.state, done.added) == ("failed", 0)
        assert f"is longer than the {PEOPLE * EVERY_S - 1} seconds" in (done.error or "")
    assert list((tmp_path / "gallery.jobs").iterdir()) == []


@pytest.mark.slow
def test_only_so_many_films_wait(http: TestClient, film: Path, held_up: HeldUp) -> None:
    client = Client(http, retries=0)
    for _ in range(5):
        client.enrol_footage(film, camera="door", start=BEGAN)
    with pytest.raises(Busy, match="4 jobs are waiting already"):
        client.enrol_footage(film, camera="door", start=BEGAN)
    assert held_up.batches <= 1


def test_an_archive_does_not_wait_for_a_film(
    http: TestClient, film: Path, people: SysuMM01, tmp_path: Path, held_up: HeldUp
) -> None:
    client = Client(http)
    job = client.enrol_footage(film, camera="door", start=BEGAN)
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as out:
        out.writestr("yard/1.jpg", next(people.records("test", (1,))).path.read_bytes())
    assert ended(client, client.start_job(tmp_path / "images.zip")).added == 1
    assert client.job(job.id).ended_at is None


# --- a disk that is full


def test_a_film_that_finds_no_room_is_refused_and_nothing_left(
    http: TestClient, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("rgbir.server.engine.jobs.shutil.copyfileobj", full)
        refused = http.post("/gallery/footage", files={"film": film.read_bytes()}, data={"camera": "door"})
    assert (refused.status_code, "No space left on device; nothing was taken" in refused.text) == (503, True)
    assert list((tmp_path / "gallery.jobs").iterdir()) == []


@pytest.mark.slow
def test_a_disk_that_fills_in_the_middle_keeps_whom_it_acknowledged(
    http: TestClient, film: Path, kept: Path, tmp_path: Path, wanted: dict[str, Sighting],
    monkeypatch: pytest.MonkeyPatch, held_up: HeldUp,
) -> None:  # fmt: skip
    client = Client(http)
    job = client.enrol_footage(film, camera="door", start=BEGAN)
    until(lambda: held_up.batches == 1, "the first people")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("rgbir.server.engine.jobs.replace_file", full)
        held_up.go_on()
        done = ended(client, job)
    assert (done.state, "No space left on device" in (done.error or "")) == ("failed", True)
    there = sightings(kept)
    assert 0 < len(there) == done.added
    assert there.items() <= wanted.items()
    assert list((tmp_path / "gallery.jobs").iterdir()) == []
    again = ended(client, client.enrol_footage(film, camera="door", start=BEGAN))
    assert (again.state, again.present, sightings(kept)) == ("done", len(there), wanted)


# --- films that are kept


@pytest.mark.slow
def test_a_film_is_kept_where_films_are_kept_as_long_as_people_are(
    kept: Path, film: Path, tmp_path: Path, wanted: dict[str, Sighting]
) -> None:
    folder, content = tmp_path / "films", film.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    write_sound(tmp_path / "sound.mp4")
    with opened(settings(kept, keep_footage=folder)) as http:
        client = Client(http)
        for file in (film, tmp_path / "sound.mp4", film):
            ended(client, client.enrol_footage(file, camera="door", start=BEGAN))
    assert sorted(path.name for path in folder.iterdir()) == [f"{digest}.json", f"{digest}.mp4"]
    assert (folder / f"{digest}.mp4").read_bytes() == content
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert sightings(kept) == wanted
    films = KeptFilms(folder)
    assert films.find(digest) == folder / f"{digest}.mp4"
    assert films.find("0" * 64) is None
    assert films.expire(None) == films.expire(30) == 0
    with time_machine.travel(BEGAN + timedelta(days=30, seconds=PEOPLE * EVERY_S - 2), tick=False):
        assert films.expire(30) == 0
    with time_machine.travel(BEGAN + timedelta(days=30, seconds=PEOPLE * EVERY_S + 2), tick=False):
        assert films.expire(30) == 1
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_a_film_that_can_not_be_kept_is_told_and_its_people_stay(
    kept: Path, film: Path, tmp_path: Path, wanted: dict[str, Sighting], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rgbir.server.engine.kept.os.link", full)
    monkeypatch.setattr("rgbir.server.engine.kept.shutil.copyfile", full)
    with opened(settings(kept, keep_footage=tmp_path / "films")) as http:
        done = ended(Client(http), Client(http).enrol_footage(film, camera="door", start=BEGAN))
    assert (done.state, done.added) == ("done", len(wanted))
    assert "the film can't be kept: No space left on device" in (done.error or "")
    assert list((tmp_path / "films").iterdir()) == list((tmp_path / "gallery.jobs").iterdir()) == []


# --- who may


@pytest.mark.slow
def test_a_key_sends_films_of_its_cameras_and_sees_its_own_jobs(kept: Path, film: Path, tmp_path: Path) -> None:
    ring = Keyring(tmp_path / "keys.json")
    guard, other, looks = (
        ring.add("guard", Role.ENROL, ["door"]), ring.add("other", Role.ENROL), ring.add("looks", Role.SEARCH)
    )  # fmt: skip
    given = {"data": {"camera": "yard"}, "files": {"film": film.read_bytes()}}
    with opened(settings(kept, keys=ring.file, audit=tmp_path / "audit.jsonl", need_purpose=True)) as http:
        assert http.post("/gallery/footage", **given, headers=_as(looks)).status_code == 403  # type: ignore[arg-type]
        http.headers.update(_as(guard))
        why = {"camera": "yard", "purpose": "theft"}
        assert http.post("/gallery/footage", files=given["files"], data=why).status_code == 403  # type: ignore[arg-type]
        unsaid = http.post("/gallery/footage", files=given["files"], data={"camera": "door"})  # type: ignore[arg-type]
        assert (unsaid.status_code, "wants to know why" in unsaid.text) == (422, True)
        job = Client(http).enrol_footage(film, camera="door", start=BEGAN, purpose="theft")
        assert ended(Client(http), job).state == "done"
        assert http.get(f"/gallery/jobs/{job.id}", headers=_as(other)).status_code == 404
        assert http.get("/gallery/jobs", headers=_as(other)).json() == {"jobs": []}
    written = (tmp_path / "audit.jsonl").read_text()
    assert not any(token in written for token in (guard, other, looks))


def _as(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.slow
def test_a_detector_finds_people_where_the_server_has_one(kept: Path, film: Path, tmp_path: Path) -> None:
    bundle = written(tmp_path / "detector")
    with opened(settings(kept, detector=bundle.folder)) as http:
        done = ended(Client(http), Client(http).enrol_footage(film, camera="door", start=BEGAN))
    assert done.film is not None
    assert (done.state, done.film.found_by) == ("done", bundle.card.fingerprint)
    frames = [json.loads(sighting.frame or "") for sighting in sightings(kept).values()]
    assert {frame["found_by"] for frame in frames} == {bundle.card.fingerprint}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_both_clients_send_the_same(asynchronous: bool, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"film")
    sent: list[bytes] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.url.raw_path + request.read())
        job = {"id": "a", "who": "b", "state": "waiting", "total": 1, "added": 0, "present": 0, "skipped": 0}
        return httpx2.Response(202, json=job | {"made_at": "2026-11-02T22:15:00Z"})

    async def ask() -> None:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer), base_url="http://server") as http:
            await AsyncClient(http).enrol_footage(tmp_path / "clip.mp4", camera="door", start=BEGAN, sample=2)

    if asynchronous:
        asyncio.run(ask())
    else:
        with httpx2.Client(transport=httpx2.MockTransport(answer), base_url="http://server") as http:
            Client(http).enrol_footage(tmp_path / "clip.mp4", camera="door", start=BEGAN, sample=2)
    assert b'name="film"; filename="clip.mp4"' in sent[0]
    assert b'name="sample"\r\n\r\n2\r\n' in sent[0]
    assert BEGAN.isoformat().encode() in sent[0]
    with pytest.raises(TypeError, match="no option 'stat'; there are"):
        Client("http://server").enrol_footage(tmp_path / "clip.mp4", camera="door", stat=BEGAN)  # type: ignore[call-arg]


# --- the command


@pytest.mark.slow
def test_the_command_sends_films_to_a_server_and_waits(
    http: TestClient, film: Path, kept: Path, tmp_path: Path, wanted: dict[str, Sighting]
) -> None:
    write_sound(tmp_path / "sound.mp4")
    named = tmp_path / f"{BEGAN:%Y%m%d_%H%M%S}.mp4"
    named.write_bytes(film.read_bytes())
    sent = send([film, tmp_path / "sound.mp4"], Client(http), "door", {"start": BEGAN}, None, None)
    assert (sent.added, sent.present, [each.name for each in sent.films]) == (len(wanted), 0, [film.name])
    (skip,) = sent.skipped
    assert (skip.source, "it has no video" in skip.reason) == (str(tmp_path / "sound.mp4"), True)
    assert sightings(kept) == wanted
    with pytest.raises(UsageError, match="a server takes films"):
        send([tmp_path], Client(http), "door", {}, None, None)


def test_the_command_refuses_what_a_server_decides() -> None:
    given = ["footage", "add", __file__, "--camera", "door"]
    for option in (["--detector", "x"], ["--keep-days", "3"], ["--gallery", "x"], ["--again"], ["--rate", "3"]):
        refused = run(*given, "--url", "http://127.0.0.1:1", *option)
        assert (refused.code, f"decides that: {option[0]}" in refused.stderr) == (2, True), refused.stderr
    alone = run(*given, "--gallery", "x", "--bundle", "y", "--purpose", "theft")
    assert (alone.code, "no server: --purpose" in alone.stderr) == (2, True)
    zone = run(*given, "--url", "http://127.0.0.1:1", "--start", "2026-11-02T22:15:00Z", "--zone", "Europe/Berlin")
    assert (zone.code, "has an offset; leave --zone out" in zone.stderr) == (2, True), zone.stderr
    neither = run(*given)
    assert (neither.code, "or --url with a server" in neither.stderr) == (2, True)
