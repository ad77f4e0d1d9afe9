"""The seconds around a sighting: shown where the recording is, to those who may look, without what a camera's zones hide."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from tests.conftest import BUNDLE, ROOT, made_once
from tests.films import HEIGHT, RATE, WIDTH, passing
from tests.waiting import until

from rgbir.client import Client, NotFound
from rgbir.footage.enrolment import Manner, enrol_recording
from rgbir.footage.film import Codec, write_film
from rgbir.footage.recordings import Recording
from rgbir.index import Encoder, Gallery, Sighting, SysuMM01, sha256
from rgbir.server import Settings, create_app
from rgbir.server.access.keys import Keyring, Role

av = pytest.importorskip("av")
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
HIDDEN = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
"""The left half of the picture."""


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same people as films of two codecs: one that players know, and one that they don't."""

    def make(folder: Path) -> None:
        codecs: tuple[Codec, ...] = ("h264", "mpeg4")
        for codec in codecs:
            write_film(folder / f"{codec}.mp4", passing(2), RATE, codec=codec)

    return made_once(tmp_path_factory, "recordings", make)


@pytest.fixture(params=["h264", "mpeg4"])
def film(request: pytest.FixtureRequest, recordings: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "recorder/2026"
    folder.mkdir(parents=True)
    return Path(shutil.copyfile(recordings / f"{request.param}.mp4", folder / "clip.mp4"))


@pytest.fixture
def filmed(film: Path, empty: Path, encoder: Encoder) -> Path:
    """A gallery with the people of the film."""
    with Gallery(empty) as gallery:
        gallery.set_keep_days(30)
        enrol_recording(Recording.at(film), gallery.network["door"], gallery, encoder, manner=Manner(start=BEGAN))
    return empty


def last(gallery: Path) -> tuple[Sighting, float]:
    """A sighting in the middle of the film, and its seconds there."""
    with Gallery(gallery) as opened:
        sighting = max(opened.sightings(), key=lambda sighting: sighting.taken_at or BEGAN)
        return sighting, float(json.loads(sighting.frame or "")["seconds"])


def settings(gallery: Path, **more: Any) -> Settings:
    return Settings(gallery, BUNDLE, threads=1, **more)


def opened(settings: Settings) -> TestClient:
    return TestClient(create_app(settings), base_url="http://127.0.0.1")


def looked(http: TestClient) -> None:
    clips = http.app.state.clips  # type: ignore[attr-defined]
    until(lambda: clips.mounted.complete, "the look at the films")


def frames(data: bytes) -> list[tuple[float, NDArray[np.uint8]]]:
    """Its pictures, by what a player calls the time."""
    with av.open(io.BytesIO(data)) as clip:
        assert {stream.type for stream in clip.streams} == {"video"}
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in clip.decode(video=0)]


def shown(answer: httpx2.Response) -> tuple[float, float, float]:
    return tuple(float(answer.headers[f"Rgbir-Clip-{name}"]) for name in ("Since", "Until", "Hit"))  # type: ignore[return-value]


@pytest.mark.slow
def test_the_seconds_around_a_sighting_are_shown_from_a_folder_of_recordings(
    filmed: Path, film: Path, tmp_path: Path
) -> None:
    sighting, seconds = last(filmed)
    given = settings(filmed, footage=(tmp_path / "recorder",), audit=tmp_path / "audit.jsonl")
    with opened(given) as http:
        looked(http)
        described = http.get(f"/gallery/sightings/{sighting.id}").json()
        assert described["clip"] == f"/gallery/sightings/{sighting.id}/clip"
        answer = http.get(described["clip"], params={"before": 2, "after": 1})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
        assert answer.headers["cache-control"] == "private, no-store"
        assert Client(http).clip(sighting.id, before=2, after=1) == answer.content

    since, until_, hit = shown(answer)
    pictures = frames(answer.content)
    as_filmed = list(passing(2))
    recoded = answer.headers["Rgbir-Clip-Recoded"] == "yes"
    with av.open(str(film)) as source:
        assert recoded == (source.streams.video[0].codec_context.name == "mpeg4")
        keys = [float(p.pts * p.time_base) for p in source.demux(video=0) if p.pts is not None and p.is_keyframe]
    begins = seconds - 2 if recoded else max(key for key in keys if key <= seconds - 2 + 0.001)
    assert since == pytest.approx(begins, abs=0.01)
    assert seconds + 1 - 0.01 <= until_ <= seconds + 2.01
    offset = seconds - hit
    for time, picture in pictures:  # each is what was filmed then
        wanted = as_filmed[round((time + offset) * RATE)]
        assert np.abs(picture.astype(int) - wanted.astype(int)).mean() < 8
    entries = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    (entry, _) = [entry for entry in entries if entry["action"] == "play"]
    assert (entry["who"], entry["sighting"], entry["shown"]) == ("anyone", sighting.id, [since, until_])
    assert entry["sha256"] == Recording.at(film).digest


@pytest.mark.slow
def test_a_film_that_was_sent_is_shown_where_films_are_kept(empty: Path, recordings: Path, tmp_path: Path) -> None:
    with Gallery(empty) as gallery:
        gallery.set_keep_days(30)
    with opened(settings(empty, keep_footage=tmp_path / "films")) as http:
        client = Client(http)
        job = client.enrol_footage(recordings / "h264.mp4", camera="door", start=BEGAN)
        client.wait_for_job(job)
        sighting, _ = last(empty)
        assert frames(client.clip(sighting.id))


@pytest.mark.parametrize("film", ["h264"], indirect=True)
@pytest.mark.slow
def test_what_a_camera_hides_is_in_no_clip(filmed: Path, tmp_path: Path) -> None:
    with Gallery(filmed) as gallery:
        hiding = replace(gallery.network["door"], ignored=(HIDDEN,))
        gallery.change_network(lambda cameras: cameras.with_camera(hiding))
    sighting, seconds = last(filmed)
    with opened(settings(filmed, footage=(tmp_path / "recorder",))) as http:
        looked(http)
        answer = http.get(f"/gallery/sightings/{sighting.id}/clip", params={"before": 1, "after": 1})
    assert answer.headers["Rgbir-Clip-Recoded"] == "yes"
    since, until_, _ = shown(answer)
    assert (since, until_) == pytest.approx((seconds - 1, seconds + 1), abs=0.01)
    pictures = frames(answer.content)
    assert len(pictures) == 2 * RATE + 1
    for _, picture in pictures:
        assert picture.shape == (HEIGHT, WIDTH, 3)
        assert picture[:, : WIDTH // 2 - 2].max() < 8
        assert picture[:, WIDTH // 2 + 2 :].mean() > 60


@pytest.mark.parametrize("film", ["h264"], indirect=True)
@pytest.mark.slow
def test_where_there_is_no_film_that_is_said(filmed: Path, film: Path, tmp_path: Path, people: SysuMM01) -> None:
    sighting, _ = last(filmed)
    with opened(settings(filmed)) as http:
        (picture,) = Client(http).enrol(next(people.records("test", (1,))).path, camera="yard")
        assert picture.id is not None
        answer = http.get(f"/gallery/sightings/{sighting.id}/clip")
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
        assert "--keep-footage" in answer.json()["detail"]
        assert Recording.at(film).digest in answer.json()["detail"]
        assert http.get(f"/gallery/sightings/{sighting.id}").json()["clip"] is None
        with pytest.raises(NotFound, match="was enrolled as a picture"):
            Client(http).clip(picture.id)
        assert http.get("/gallery/sightings/nobody/clip").status_code == 404
        for asked in ({"before": 61}, {"after": -1}, {"before": "nan"}):
            assert http.get(f"/gallery/sightings/{sighting.id}/clip", params=asked).status_code == 422
    with opened(settings(filmed, footage=(tmp_path / "recorder",))) as http:
        looked(http)
        client = Client(http)
        assert client.clip(sighting.id)
        client.remove(sighting.id)
        with pytest.raises(NotFound, match="was never enrolled, or was erased"):
            client.clip(sighting.id)


@pytest.mark.parametrize("film", ["h264"], indirect=True)
@pytest.mark.slow
def test_a_key_sees_clips_of_its_cameras_only(filmed: Path, tmp_path: Path) -> None:
    ring = Keyring(tmp_path / "keys.json")
    roles = {"door": (Role.SEARCH, ["door"]), "yard": (Role.SEARCH, ["yard"]), "enrols": (Role.ENROL, None)}
    tokens = {name: ring.add(name, role, cameras) for name, (role, cameras) in roles.items()}
    sighting, _ = last(filmed)
    with opened(settings(filmed, footage=(tmp_path / "recorder",), keys=ring.file)) as http:
        looked(http)
        statuses = {
            name: http.get(
                f"/gallery/sightings/{sighting.id}/clip", headers={"Authorization": f"Bearer {token}"}
            ).status_code
            for name, token in tokens.items()
        }
    assert statuses == {"door": 200, "yard": 404, "enrols": 403}


@pytest.mark.parametrize("film", ["h264"], indirect=True)
@pytest.mark.slow
def test_the_index_of_recordings_is_kept_and_renewed_when_files_change(
    filmed: Path, film: Path, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere.mp4").write_bytes(b"elsewhere")
    (tmp_path / "recorder/link.mp4").symlink_to(tmp_path / "elsewhere.mp4")
    sighting, _ = last(filmed)
    summed: list[Path] = []

    def counted(path: Path) -> str:
        summed.append(path)
        return sha256(path)

    monkeypatch.setattr("rgbir.server.engine.mounted.sha256", counted)
    given = settings(filmed, footage=(tmp_path / "recorder",))
    for _ in range(2):
        with opened(given) as http:
            looked(http)
            assert Client(http).clip(sighting.id)
    assert summed == [film]
    assert (tmp_path / "gallery.films.json").stat().st_mode & 0o777 == 0o600
    moved = film.rename(film.with_name("moved.mp4"))
    (tmp_path / "gallery.films.json").write_text("{")
    with opened(given) as http:
        looked(http)
        assert Client(http).clip(sighting.id)
        moved.write_bytes((recordings / "mpeg4.mp4").read_bytes())  # another film under the same name is not shown
        with pytest.raises(NotFound):
            Client(http).clip(sighting.id)
    assert summed == [film, moved]


@pytest.mark.parametrize("film", ["h264"], indirect=True)
def test_a_recording_that_can_not_be_read_any_more_is_told(filmed: Path, film: Path, tmp_path: Path) -> None:
    sighting, _ = last(filmed)
    with opened(settings(filmed, footage=(tmp_path / "recorder",))) as http:
        looked(http)
        with pytest.MonkeyPatch.context() as patched:
            patched.syspath_prepend(str(ROOT))
            patched.setattr("rgbir.footage.decoding.apart.CUTTER", "tests.crash")
            answer = http.get(f"/gallery/sightings/{sighting.id}/clip")
        assert (answer.status_code, "its decoder crashed" in answer.json()["detail"]) == (422, True), answer.json()
