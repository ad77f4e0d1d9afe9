"""A server with a detector: searches with whole pictures, and whole pictures whose people are enrolled."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from tests.commands import run
from tests.conftest import BUNDLE
from tests.detectors import LEFT_SCORE, RIGHT_SCORE, scene_of, written
from tests.server.processes import process

from rgbir.client import AsyncClient, Client, ServerFailed, Unprocessable
from rgbir.client.errors import Conflict
from rgbir.index import BadBundle, Gallery, SysuMM01, digest_of
from rgbir.server import Settings, create_app
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.engine.engine import Engine

NOW = datetime(2026, 11, 2, 22, 15, tzinfo=UTC)
LEFT, RIGHT = (20, 10, 90, 180), (220, 30, 268, 150)
"""Where `scene_of` has its people."""


@pytest.fixture
def settings(gallery: Gallery, tmp_path: Path) -> Settings:
    bundle = written(tmp_path / "detector")
    return Settings(
        gallery.folder, BUNDLE, threads=1, max_images=4, audit=tmp_path / "audit.jsonl", detector=bundle.folder
    )


@pytest.fixture
def http(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def infrared(people: SysuMM01) -> list[bytes]:
    return [record.path.read_bytes() for record in people.records("test", (3,))]


def near(box: tuple[int, ...], other: tuple[int, ...], pixels: int = 8) -> bool:
    return all(abs(a - b) <= pixels for a, b in zip(box, other, strict=True))


def empty_scene() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (320, 192)).save(buffer, "PNG")
    return buffer.getvalue()


# --- searches


def test_a_search_takes_the_largest_person_and_says_which(http: TestClient, infrared: list[bytes]) -> None:
    client, scene = Client(http), scene_of([infrared[0], infrared[5]])

    answer = client.search(scene, camera="3", detect=True, top_k=5)

    (found,) = answer.detected
    assert (found.width, found.height, len(found.people)) == (320, 192, 2)
    assert near(found.box, LEFT)
    assert near(found.people[1].box, RIGHT)
    assert [person.score for person in found.people] == pytest.approx([LEFT_SCORE, RIGHT_SCORE])
    by_hand = client.search(scene, camera="3", box=found.box, top_k=5)
    assert [hit.id for hit in answer.hits] == [hit.id for hit in by_hand.hits]
    assert [hit.distance for hit in answer.hits] == [hit.distance for hit in by_hand.hits]
    assert (by_hand.detected, "detect" in answer.milliseconds) == ([], True)


def test_the_largest_is_not_the_surest(http: TestClient, infrared: list[bytes]) -> None:
    """The surer one of the left half is the smaller one here."""
    scene = Image.new("RGB", (320, 192))
    scene.paste((200, 200, 200), (30, 60, 50, 100))
    scene.paste(Image.open(io.BytesIO(infrared[0])).convert("RGB").resize((70, 170)), (220, 10))
    buffer = io.BytesIO()
    scene.save(buffer, "PNG")

    (found,) = Client(http).search(buffer.getvalue(), camera="3", detect=True).detected

    assert found.score == pytest.approx(RIGHT_SCORE)
    assert near(found.box, (220, 10, 290, 180))


def test_each_of_several_pictures_has_its_own_person(http: TestClient, infrared: list[bytes]) -> None:
    scenes = [scene_of([picture]) for picture in infrared[:2]]
    answer = Client(http).search(scenes, camera="3", detect=True)
    assert [found.name for found in answer.detected] == ["image 1", "image 2"]
    assert answer.query.shots == 2


def test_thresholds_are_those_of_the_querys_modality(http: TestClient, infrared: list[bytes]) -> None:
    """Half as sure is a person in infrared, and none in colour."""
    scene = Image.open(io.BytesIO(scene_of([infrared[0], infrared[5]])))
    scene.paste((0, 0, 0), (0, 0, 160, 192))
    buffer = io.BytesIO()
    scene.save(buffer, "PNG")
    client = Client(http)

    assert len(client.search(buffer.getvalue(), modality="ir", detect=True).detected) == 1
    with pytest.raises(
        Unprocessable, match=r"nobody was found in its 320 x 192 pixels with a score of 0\.55 or more; the surest"
    ):
        client.search(buffer.getvalue(), modality="rgb", detect=True)


def test_what_can_not_be_detected_is_refused_with_a_code(
    http: TestClient, infrared: list[bytes], gallery: Gallery
) -> None:
    client = Client(http)
    with pytest.raises(Unprocessable, match="nobody was found") as refused:
        client.search(empty_scene(), camera="3", detect=True)
    assert refused.value.code == "nobody-found"
    with pytest.raises(Unprocessable, match="detect finds the person, and box says where they are") as refused:
        client.search(scene_of(infrared[:1]), camera="3", detect=True, box=(1, 2, 30, 40))
    assert refused.value.code == "bad-request"
    with pytest.raises(Unprocessable, match="detect finds people in images; send one"):
        client.search(like=gallery.sightings()[0].id, detect=True)


def test_without_a_detector_the_server_says_how_to_give_it_one(settings: Settings, infrared: list[bytes]) -> None:
    with TestClient(create_app(replace(settings, detector=None)), base_url="http://127.0.0.1") as http:
        client = Client(http, retries=0)
        assert client.me().detects is False
        with pytest.raises(ServerFailed, match=r"no detector, .*--detector DIR") as refused:
            client.search(scene_of(infrared[:1]), camera="3", detect=True)
        assert (refused.value.code, refused.value.status) == ("no-detector", 501)
        with pytest.raises(ServerFailed, match="--detector DIR"):
            client.enrol_frames(scene_of(infrared[:1]), camera="3", taken_at=NOW)


def test_the_audit_log_says_whom_a_search_took_and_who_found_them(
    http: TestClient, settings: Settings, infrared: list[bytes]
) -> None:
    client = Client(http)
    assert client.me().detects is True
    (found,) = client.search(scene_of(infrared[:1]), camera="3", detect=True).detected
    assert settings.audit is not None
    entry = json.loads(settings.audit.read_text().splitlines()[-1])
    assert (entry["action"], entry["found_by"]) == ("search", found.found_by)
    assert tuple(entry["box"]) == found.box


# --- whole pictures that are enrolled


def test_everybody_in_a_picture_becomes_a_sighting_once(
    http: TestClient, gallery: Gallery, settings: Settings, infrared: list[bytes]
) -> None:
    gallery.set_keep_days(400_0)
    client, scene, before = Client(http), scene_of([infrared[0], infrared[5]]), len(gallery)

    (frame,) = client.enrol_frames(scene, camera="3", taken_at=NOW)

    assert [person.status for person in frame.people] == ["added", "added"]
    assert len(gallery) == before + 2
    for person, place in zip(frame.people, (LEFT, RIGHT), strict=True):
        sighting = gallery.get(person.id or "")
        assert sighting is not None
        assert near(person.box, place)
        assert (sighting.camera, sighting.taken_at, sighting.digest) == ("3", NOW, digest_of(scene, person.box))
        assert json.loads(sighting.frame or "") == {
            "box": list(person.box),
            "size": [320, 192],
            "found_by": frame.found_by,
            "score": person.score,
            "sha256": digest_of(scene),
        }
        crop = gallery.crop(sighting.id)
        assert crop is not None
        left, top, right, bottom = person.box
        assert Image.open(io.BytesIO(crop.data)).size == (right - left, bottom - top)
    again = client.enrol_frames(scene, camera="3", taken_at=NOW)
    assert [(person.id, person.status) for person in again[0].people] == [(p.id, "present") for p in frame.people]
    assert len(gallery) == before + 2
    by_box = client.enrol(scene, camera="3", box=frame.people[0].box, taken_at=NOW)
    assert (by_box[0].id, by_box[0].status) == (frame.people[0].id, "present")
    assert settings.audit is not None
    noted = [json.loads(line) for line in settings.audit.read_text().splitlines()]
    assert [(entry["action"], entry.get("found_by")) for entry in noted] == [
        ("enrol", frame.found_by),
        ("enrol", frame.found_by),
        ("enrol", None),
    ]


def test_nobody_is_looked_for_in_what_a_camera_ignores(
    http: TestClient, gallery: Gallery, infrared: list[bytes]
) -> None:
    gallery.set_keep_days(400_0)
    client, scene = Client(http), scene_of([infrared[0], infrared[5]])
    client.put_camera("3", zones="0,0 0.4,0 0.4,1 0,1")  # where the left one stands, of 320 pixels

    (frame,) = client.enrol_frames(scene, camera="3", taken_at=NOW)
    found = client.search(scene, camera="3", detect=True).detected

    assert [near(person.box, RIGHT) for person in frame.people] == [True]
    assert [near(each.box, RIGHT) for each in found or []] == [True]
    for person in frame.people:
        crop = gallery.crop(person.id or "")
        assert crop is not None
    client.put_camera("3", zones="none")
    assert len(client.enrol_frames(scene, camera="3", taken_at=NOW)[0].people) == 2


def test_what_is_kept_of_a_frame_is_black_where_its_camera_ignores_it(
    http: TestClient, gallery: Gallery, infrared: list[bytes]
) -> None:
    gallery.set_keep_days(400_0)
    client, scene = Client(http), scene_of([infrared[0], infrared[5]])
    client.put_camera(
        "3", zones="0.734375,0 0.78125,0 0.78125,1 0.734375,1"
    )  # columns 235 to 249, within the right one

    (frame,) = client.enrol_frames(scene, camera="3", taken_at=NOW)

    (behind,) = [person for person in frame.people if person.box[0] < 235 and person.box[2] > 250]
    crop = gallery.crop(behind.id or "")
    assert crop is not None
    grey = np.asarray(Image.open(io.BytesIO(crop.data)).convert("L"))
    assert grey[:, 239 - behind.box[0] : 246 - behind.box[0]].mean() < 10
    assert grey[:, : 225 - behind.box[0]].mean() > 30


def test_an_empty_picture_and_a_damaged_one_keep_no_other_from_being_enrolled(
    http: TestClient, gallery: Gallery, infrared: list[bytes]
) -> None:
    gallery.set_keep_days(4000)
    moments = [NOW, NOW + timedelta(seconds=1), NOW + timedelta(seconds=2)]
    pictures = [empty_scene(), b"no picture", scene_of(infrared[:1])]

    empty, damaged, whole = Client(http).enrol_frames(pictures, camera="3", taken_at=moments)

    assert (empty.people, empty.width, empty.reason) == ([], 320, None)
    assert (damaged.people, damaged.width, "not an image" in (damaged.reason or "")) == ([], None, True)
    sighting = gallery.get(whole.people[0].id or "")
    assert sighting is not None
    assert sighting.taken_at == moments[2]


@pytest.mark.slow
def test_what_is_detected_needs_an_end(settings: Settings, gallery: Gallery, infrared: list[bytes]) -> None:
    """A gallery that keeps for ever is refused, until somebody says how long, or that it is meant."""
    scene = scene_of(infrared[:1])
    assert gallery.keep_days is None
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        client = Client(http, retries=0)
        with pytest.raises(Conflict, match=r"keeps them for ever: .*--keep-days 30`, or .*--no-retention") as refused:
            client.enrol_frames(scene, camera="3", taken_at=NOW)
        assert (refused.value.code, len(gallery.sightings())) == ("no-retention", len(gallery))
        gallery.set_keep_days(4000)
        assert client.enrol_frames(scene, camera="3", taken_at=NOW)[0].people[0].status == "added"
    gallery.set_keep_days(None)
    with TestClient(create_app(replace(settings, no_retention=True)), base_url="http://127.0.0.1") as http:
        assert Client(http).enrol_frames(scene, camera="3", taken_at=NOW)[0].people[0].status == "present"


def test_a_picture_without_a_time_is_refused_since_retention_goes_by_it(
    http: TestClient, gallery: Gallery, infrared: list[bytes]
) -> None:
    gallery.set_keep_days(4000)
    image = [("images", ("a.png", scene_of(infrared[:1])))]
    for form in ({"camera": "3"}, {"camera": "3", "taken_at": ""}, {"camera": "3", "taken_at": "2026-11-02T22:15:00"}):
        refused = http.post("/gallery/frames", files=image, data=form)
        assert refused.status_code == 422, refused.text
        assert "taken_at" in refused.json()["detail"]


def test_a_key_enrols_pictures_of_its_cameras_only(
    settings: Settings, gallery: Gallery, tmp_path: Path, infrared: list[bytes]
) -> None:
    gallery.set_keep_days(4000)
    ring = Keyring(tmp_path / "keys.json")
    token = ring.add("door", Role.ENROL, ["3"])
    with TestClient(create_app(replace(settings, keys=ring.file)), base_url="http://127.0.0.1") as http:
        client = Client(http)
        http.headers["Authorization"] = f"Bearer {token}"
        assert client.enrol_frames(scene_of(infrared[:1]), camera="3", taken_at=NOW)[0].people
        with pytest.raises(Exception, match="key 'door'"):
            client.enrol_frames(scene_of(infrared[:1]), camera="6", taken_at=NOW)


def test_a_detector_that_is_an_encoder_is_refused(settings: Settings) -> None:
    with pytest.raises(BadBundle, match="is an encoder"):
        Engine(replace(settings, detector=BUNDLE))


def test_the_asynchronous_client_sends_the_same(infrared: list[bytes]) -> None:
    seen: list[bytes] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.raw_path + b" " + request.read())
        return httpx2.Response(200, json={"frames": [{"name": "a", "people": []}]})

    async def ask() -> None:
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer), base_url="http://x")
        async with AsyncClient(http) as client:
            (frame,) = await client.enrol_frames(b"image", camera="3", taken_at=NOW)
            assert frame.people == []

    asyncio.run(ask())
    assert seen[0].startswith(b"/gallery/frames")
    assert b"2026-11-02T22:15:00+00:00" in seen[0]


# --- commands


@pytest.mark.slow
def test_commands_search_and_enrol_with_whole_pictures(
    settings: Settings, gallery: Gallery, tmp_path: Path, infrared: list[bytes]
) -> None:
    gallery.set_keep_days(4000)
    (tmp_path / "whole.png").write_bytes(scene_of([infrared[0], infrared[5]]))
    more = f", detector=Path({str(settings.detector)!r})"
    with process(gallery.folder, more) as (_, port):
        server = ["--url", f"http://127.0.0.1:{port}"]
        searched = run("search", "whole.png", "--camera", "3", "--detect", *server, folder=tmp_path)
        enrolled = run(
            "enrol", "whole.png", "--camera", "3", "--detect", "--taken-at", NOW.isoformat(), *server, folder=tmp_path
        )
        again = run(
            "enrol", "whole.png", "--camera", "3", "--detect", "--taken-at", NOW.isoformat(), *server, "--json",
            folder=tmp_path,
        )  # fmt: skip

    assert searched.code == 0, searched.stderr
    assert "whole.png: a person at 2" in searched.stdout
    assert "the largest of 2 people" in searched.stdout
    assert enrolled.stdout.strip() == "2 people added, 0 were there, 0 skipped"
    assert json.loads(again.stdout)["present"] == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["search", "a.png", "--detect", "--gallery", "g", "--bundle", "b"], "--detect is for whole pictures that a server"),
        (["enrol", "a.png", "--camera", "3", "--detect", "--url", "http://x"], "--detect needs --taken-at"),
        (
            ["enrol", "a.png", "--camera", "3", "--detect", "--identity", "3", "--taken-at", "2026-11-02T22:15:00Z", "--url", "http://x"],
            "--identity: with --detect the server finds out who is in a picture",
        ),
    ],
)  # fmt: skip
def test_commands_refuse_what_has_no_effect(tmp_path: Path, words: list[str], expected: str) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    done = run(*words, folder=tmp_path)
    assert done.code == 2
    assert expected in " ".join(done.stderr.replace("│", " ").split())
