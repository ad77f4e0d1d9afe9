"""Films that are sent to a server: whoever passes is enrolled, over stops and changes of the model, and nothing is left behind."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from tests.conftest import BUNDLE, made_once
from tests.films import EVERY_S, film_of
from tests.index.yard import network
from tests.waiting import HANGS_AFTER_S, until

from rgbir.client import Client, Refused, Unprocessable
from rgbir.client.wire import Job
from rgbir.footage.enrolment import Manner, enrol_recording
from rgbir.footage.recordings import Recording
from rgbir.index import Bundle, Encoder, Gallery, Modality, Sighting, SysuMM01
from rgbir.server import Settings, create_app
from rgbir.server.engine import films, part

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
    with Gallery(gallery) as there:
        assert there.verify() == []
        return {sighting.id: sighting for sighting in there.sightings()}


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


def test_a_model_that_is_changed_in_the_middle_leaves_no_embedding_of_the_old_one(
    film: Path, kept: Path, tmp_path: Path, wanted: dict[str, Sighting], held_up: HeldUp, people: SysuMM01
) -> None:
    other = tmp_path / "bundles/thin"
    changed_model(other)
    with opened(settings(kept, bundles=tmp_path / "bundles")) as http:
        client = Client(http)
        (elsewhere,) = client.enrol(next(people.records("test", (1,))).path, camera="yard")  # found by those at the door
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
            embedded = encoder.embed([picture], Modality.RGB)[0]
            np.testing.assert_allclose(gallery.embeddings([sighting.id])[0], embedded, atol=1e-4)


