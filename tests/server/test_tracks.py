"""Sightings as systems have them: a box, a moment, an identity and a track for each shot, and a track in one call."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from tests.conftest import BUNDLE

from rgbir.client import AsyncClient, Client, Unprocessable
from rgbir.index import Encoder, Gallery, Modality, Searcher, SearchOptions, SysuMM01, decode, digest_of
from rgbir.index.gallery.sightings import box_in, sighting_id
from rgbir.server import Settings, create_app
from rgbir.server.access.evidence import replay
from rgbir.server.access.keys import Keyring, Role

NOW = datetime(2026, 11, 2, 22, 15, tzinfo=UTC)
BOX, OTHER = (4, 2, 40, 96), (10, 0, 60, 120)


@pytest.fixture
def settings(gallery: Gallery, tmp_path: Path) -> Settings:
    return Settings(gallery.folder, BUNDLE, threads=1, max_images=6, audit=tmp_path / "audit.jsonl")


@pytest.fixture
def http(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def shots(people: SysuMM01) -> list[bytes]:
    return [record.path.read_bytes() for record in people.records("test", (6,))]


@pytest.fixture
def frame(people: SysuMM01) -> bytes:
    """Four people in one picture, which loses nothing."""
    wide, buffer = Image.new("RGB", (256, 128)), io.BytesIO()
    for place, record in enumerate(list(people.records("test", (6,)))[:4]):
        wide.paste(Image.open(record.path).convert("RGB").resize((64, 128)), (64 * place, 0))
    wide.save(buffer, "PNG")
    return buffer.getvalue()


def labels(gallery: Gallery, sighting: str | None) -> tuple[Any, ...]:
    enrolled = gallery.get(sighting or "")
    assert enrolled is not None
    return enrolled.taken_at, enrolled.identity, enrolled.track


def test_each_image_has_its_own_labels_or_those_of_all(http: TestClient, gallery: Gallery, shots: list[bytes]) -> None:
    client = Client(http)
    moments = [NOW, None, NOW + timedelta(seconds=2)]
    made = client.enrol(
        shots[:3], camera="6", box=[BOX, None, OTHER], taken_at=moments, identity=[3, 4, None], track=["a", None, "b"]
    )

    assert [each.status for each in made] == ["added"] * 3
    for each, data, box in zip(made, shots, (BOX, None, OTHER), strict=False):
        assert each.id == sighting_id("6", "", digest_of(data, box))
    assert [labels(gallery, each.id) for each in made] == list(
        zip(moments, [3, 4, None], ["a", None, "b"], strict=True)
    )
    enrolled = [gallery.get(each.id or "") for each in made]
    assert [box_in(sighting.frame) for sighting in enrolled if sighting] == [BOX, None, OTHER]
    (whole,) = client.enrol(shots[4], camera="6", box=BOX, taken_at=NOW, identity=5, track="c")
    assert labels(gallery, whole.id) == (NOW, 5, "c")
    several = client.enrol(shots[5:8], camera="6", track="d", taken_at=[NOW] * 3)
    assert [labels(gallery, each.id) for each in several] == [(NOW, None, "d")] * 3


@pytest.mark.parametrize("path", ["/gallery/sightings", "/gallery/tracks"])
@pytest.mark.parametrize(
    ("images", "form", "words"),
    [
        (3, {"taken_at": [NOW.isoformat()] * 2}, "taken_at comes once for all, or once for each of the 3 shots"),
        (3, {"box": ["1,2,3,4"] * 4}, "box comes once for all, or once for each of the 3 shots"),
        (1, {"box": ["0,0,9,9", "1,1,9,9"], "taken_at": [NOW.isoformat()] * 3}, "each of the 2 shots"),
        (2, {"box": ["0,0,9,9", "1,1,9"]}, "box is left,top,right,bottom in pixels, such as 40,10,90,160, not '1,1,9'"),
        (2, {"taken_at": [NOW.isoformat(), "yesterday"]}, "taken_at"),
        (1, {"taken_at": "2026-01-01T00:00:00"}, "taken_at needs a zone"),
        (1, {"box": ["0,0,9,9"] * 7}, "between 1 and 6 images in one request, not 7"),
        (7, {}, "between 1 and 6 images in one request, not 7"),
        (0, {}, "images"),
        (1, {"camera": "9"}, "no camera '9'"),
        (1, {"identity": "-1"}, "identity"),
    ],
)
def test_labels_that_don_t_fit_the_images_are_refused_in_words(
    http: TestClient, gallery: Gallery, shots: list[bytes], path: str, images: int, form: dict[str, Any], words: str
) -> None:
    before = len(gallery)
    files = [("images", (f"{number}.jpg", shots[number])) for number in range(images)]

    response = http.post(path, data={"camera": "6", "track": "t", **form}, files=files or None)

    assert (response.status_code, len(gallery)) == (422, before)
    assert response.headers["content-type"] == "application/problem+json"
    assert words in response.json()["detail"]


def test_a_track_without_a_name_is_none(http: TestClient, shots: list[bytes]) -> None:
    for form in ({"camera": "6"}, {"camera": "6", "track": ""}, {"camera": "6", "track": ["a", "b"]}):
        answer = http.post("/gallery/tracks", data=form, files=[("images", ("a.jpg", shots[0]))])
        assert answer.status_code == 422, form
        assert "track" in answer.json()["detail"]


def test_a_track_is_one_call_that_may_be_sent_again(
    http: TestClient, gallery: Gallery, encoder: Encoder, shots: list[bytes], settings: Settings
) -> None:
    client, moments = Client(http), [NOW + timedelta(seconds=number) for number in range(4)]
    images = [*shots[:2], b"no image", shots[3]]
    before = gallery.generation

    made = client.enrol_track(images, camera="cam6", track="17", taken_at=moments, identity=9)

    assert [each.status for each in made] == ["added", "added", "skipped", "added"]
    assert "not an image of a known format" in (made[2].reason or "")
    assert gallery.generation == before + 1  # one transaction
    for place in (0, 1, 3):
        assert labels(gallery, made[place].id) == (moments[place], 9, "17")
    expected = encoder.card.metric.prepare(encoder.embed([decode(shots[0])], Modality.IR))
    assert abs(gallery.embeddings([made[0].id or ""]) - expected).max() < 1e-4

    again = client.enrol_track(images, camera="6", track="17", taken_at=moments, identity=9)
    assert [(each.status, each.id, each.reason) for each in again if each.id] == [
        ("present", each.id, None) for each in made if each.id
    ]
    other = client.enrol_track(images, camera="6", track="18", taken_at=NOW)
    assert "it is enrolled with track 17, not 18" in (other[0].reason or "")
    assert "time" in (other[1].reason or "")
    assert "track 17, not 18" in (other[1].reason or "")
    assert labels(gallery, made[1].id) == (moments[1], 9, "17")

    first, *_ = [json.loads(line) for line in (settings.audit or Path()).read_text().splitlines() if "enrol" in line]
    assert (first["action"], first["who"], first["camera"]) == ("enrol", "anyone", "cam6")
    assert first["sha256"] == [digest_of(data) for data in images]
    assert (first["track"], first["identity"]) == ("17", 9)
    assert first["taken_at"] == [moment.isoformat() for moment in moments]
    assert "box" not in first


def test_a_frame_with_several_boxes_is_a_shot_for_each(
    http: TestClient, gallery: Gallery, encoder: Encoder, frame: bytes
) -> None:
    client, boxes = Client(http), [(64 * place, 0, 64 * place + 64, 128) for place in range(4)]

    made = client.enrol(frame, camera="6", box=boxes, track=["a", "b", "c", "d"], taken_at=NOW)

    assert [each.status for each in made] == ["added"] * 4
    assert len({each.id for each in made}) == 4
    crops = [decode(frame, box=box) for box in boxes]
    for each, crop, track in zip(made, crops, "abcd", strict=True):
        assert labels(gallery, each.id) == (NOW, None, track)
        expected = encoder.card.metric.prepare(encoder.embed([crop], Modality.IR))
        assert abs(gallery.embeddings([each.id or ""]) - expected).max() < 1e-4
        kept = gallery.crop(each.id or "")
        assert kept is not None
        assert Image.open(io.BytesIO(kept.data)).size == (64, 128)
    outside = client.enrol_track(frame, camera="6", track="e", box=[(0, 0, 50, 128), (0, 0, 999, 9)])
    assert [each.status for each in outside] == ["added", "skipped"]
    assert "does not lie in the 256 x 128 image" in (outside[1].reason or "")


def test_a_search_ranks_the_tracks_that_were_sent_by_their_means(http: TestClient, shots: list[bytes]) -> None:
    client = Client(http)
    client.enrol_track(shots[:3], camera="6", track="one")
    client.enrol_track(shots[4:7], camera="6", track="two")
    options: dict[str, Any] = {"modality": "ir", "cameras": ["6"], "group_by": "track"}

    mean = client.search(shots[0], fuse="mean", **options).hits
    best = client.search(shots[0], **options).hits

    assert [(hit.track, hit.others) for hit in mean] == [("one", 2), ("two", 2)]
    assert mean[0].distance > best[0].distance == pytest.approx(0, abs=1e-3)
    assert [hit.id for hit in mean] == [hit.id for hit in best]
    with pytest.raises(Unprocessable, match="goes with group_by=track"):
        client.search(shots[0], modality="ir", fuse="mean")


def test_a_key_adds_tracks_and_fuses_shots_of_its_own_cameras(
    settings: Settings, gallery: Gallery, shots: list[bytes], people: SysuMM01, tmp_path: Path
) -> None:
    keys = Keyring(tmp_path / "keys.json")
    everything, some = keys.add("all", Role.ADMIN), keys.add("some", Role.ADMIN, cameras=("6",))
    guarded = replace(settings, keys=tmp_path / "keys.json")
    with TestClient(create_app(guarded), base_url="http://127.0.0.1", raise_server_exceptions=False) as http:

        def ask(token: str, path: str, **form: Any) -> httpx2.Response:
            files = [("images", ("a.jpg", data)) for data in shots[:2]]
            return http.post(path, data=form, files=files, headers={"Authorization": f"Bearer {token}"})

        assert ask(some, "/gallery/tracks", camera="6", track="t").status_code == 200
        for camera in ("1", "9"):
            refused = ask(some, "/gallery/tracks", camera=camera, track="t")
            assert (refused.status_code, "is for cameras 6" in refused.json()["detail"]) == (403, True)
        assert ask(everything, "/gallery/tracks", camera="1", track="t").status_code == 200
        asked = {"modality": "rgb", "group_by": "track", "fuse": "mean", "track": "t"}
        assert ask(some, "/search", **asked).json()["hits"][0]["others"] == 1
        both = ask(everything, "/search", **asked, cameras="1,6").json()["hits"]
        assert [hit["others"] for hit in both] == [3]


def test_the_client_that_is_awaited_sends_tracks_too(shots: list[bytes]) -> None:
    seen: list[bytes] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.path.encode() + request.read())
        return httpx2.Response(200, json={"results": [{"name": "x", "status": "added", "id": "1"}]})

    async def send() -> list[Any]:
        http = httpx2.AsyncClient(base_url="http://s", transport=httpx2.MockTransport(answer))
        async with AsyncClient(http) as client:
            return await client.enrol_track(b"image", camera="6", track="t", box=[(1, 2, 3, 4), (5, 6, 7, 8)])

    assert asyncio.run(send())[0].status == "added"
    assert seen[0].startswith(b"/gallery/tracks")
    assert [part in seen[0] for part in (b"1,2,3,4", b"5,6,7,8")] == [True, True]
    assert seen[0].count(b'name="box"') == 2


def test_a_tables_labels_go_with_their_images_in_requests_of_neighbours() -> None:
    requests: list[bytes] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        requests.append(request.read())
        images = requests[-1].count(b'name="images"')
        return httpx2.Response(200, json={"results": [{"name": "x", "status": "added", "id": "1"}] * images})

    client = Client(httpx2.Client(base_url="http://s", transport=httpx2.MockTransport(answer)))
    items = [(b"image", {"camera": "a", "track": "t", "taken_at": NOW, "identity": 3})]
    items += [(b"image", {"camera": "a", "track": "t", "taken_at": None, "identity": 4})]
    assert len(list(client.enrol_all(items))) == 2
    (body,) = requests
    assert (body.count(b'name="track"'), body.count(b'name="taken_at"'), body.count(b'name="identity"')) == (1, 2, 2)


def test_a_search_takes_a_box_for_each_of_its_shots(
    http: TestClient, shots: list[bytes], encoder: Encoder, gallery: Gallery, settings: Settings
) -> None:
    client = Client(http)
    boxed = client.search([shots[0], shots[1]], camera="6", box=[BOX, None], top_k=5)
    cut = [decode(shots[0], box=BOX), decode(shots[1])]
    searcher = Searcher(encoder, gallery)
    expected = searcher.search(cut, SearchOptions(camera="6", top_k=5))
    assert [hit.id for hit in boxed.hits] == [hit.id for hit in expected.hits]
    assert [hit.distance for hit in boxed.hits] == pytest.approx([hit.distance for hit in expected.hits], rel=1e-5)
    one = client.search([shots[0], shots[1]], camera="6", box=BOX, top_k=5)
    assert [hit.distance for hit in one.hits] != [hit.distance for hit in boxed.hits]
    with pytest.raises(Unprocessable, match="box comes once for all, or once for each of the 2 shots"):
        client.search([shots[0], shots[1]], camera="6", box=[BOX, None, OTHER], top_k=5)
    noted = [json.loads(line) for line in (settings.audit or Path()).read_text().splitlines()]
    assert [entry.get("box") for entry in noted if entry.get("action") == "search"] == [[list(BOX), None], list(BOX)]
    assert [replay(entry, [shots[0], shots[1]], searcher) for entry in noted if entry.get("action") == "search"] == [
        [],
        [],
    ]
