"""The server: what it answers, and how it says no."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from tests.conftest import BUNDLE
from tests.waiting import HANGS_AFTER_S, until

from rgbir.client import Client, NotFound, Unprocessable
from rgbir.client.wire import SearchResponse
from rgbir.index import Camera, Encoder, Gallery, Modality, Searcher, SearchOptions, SysuMM01, decode, read_bytes
from rgbir.server import Settings, create_app
from rgbir.server.engine.watch import Watch
from rgbir.server.errors import BadSettings


@pytest.fixture
def settings(gallery: Gallery, people: SysuMM01) -> Settings:
    return Settings(
        gallery.folder, BUNDLE, threads=1, max_bytes=400_000, max_pixels=1_000_000, max_images=4, max_top_k=50
    )


@pytest.fixture
def http(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def client(http: TestClient) -> Client:
    return Client(http)


def infrared(people: SysuMM01, number: int = 0, camera: int = 3) -> Path:
    return list(people.records("test", (camera,)))[number].path


@pytest.mark.parametrize(
    "options",
    [
        {"camera": "3"},
        {"camera": "cam6", "top_k": 3},
        {"modality": "ir", "cameras": ["1", "5"]},
        {"modality": "ir", "cameras": []},
        {"camera": "3", "identity": 7, "top_k": 50},
    ],
)
def test_a_search_over_http_is_the_search_in_process(
    client: Client, gallery: Gallery, encoder: Encoder, people: SysuMM01, options: dict[str, Any]
) -> None:
    shots = [infrared(people, 0), infrared(people, 1)]

    over_http = client.search(shots, **options)

    asked = SearchOptions.read(options)
    in_process = SearchResponse.of(
        Searcher(encoder, gallery).search([decode(read_bytes(path)) for path in shots], asked), root_path=""
    )
    assert over_http.hits == in_process.hits
    assert over_http.model_dump(exclude={"milliseconds"}) == in_process.model_dump(exclude={"milliseconds"})
    assert over_http.query.shots == 2
    assert set(over_http.milliseconds) == {"decode", "encode", "search"}


def test_camera_3_is_never_answered_with_camera_2(client: Client, people: SysuMM01) -> None:
    for record in people.records("test", (3,)):
        answer = client.search(record.path, camera="3", top_k=50)

        assert {hit.camera for hit in answer.hits} == {"1", "4", "5"}
        assert [(e.camera, e.reason) for e in answer.excluded_cameras] == [
            ("2", "same place as the query's camera 3 (room 2)")
        ]


def test_a_hits_picture_is_the_enrolled_file(client: Client, http: TestClient, people: SysuMM01) -> None:
    hit = client.search(infrared(people), camera="3").hits[0]
    assert hit.image_path is not None

    response = http.get(hit.image_path)

    assert response.headers["content-type"] == "image/jpeg"
    assert response.content == (people.root / hit.source).read_bytes() == client.image(hit.id) == hit.image()


def test_pixels_find_what_their_file_finds(client: Client, people: SysuMM01) -> None:
    picture = decode(read_bytes(infrared(people)))

    answers = [client.search(query, camera="3") for query in (infrared(people), picture, np.asarray(picture))]

    assert answers[0].hits == answers[1].hits == answers[2].hits


def test_enrolling_searching_and_erasing(client: Client, people: SysuMM01) -> None:
    picture = infrared(people, camera=3).read_bytes()
    before = client.gallery()

    first, broken = client.enrol([picture, b"nothing"], camera="6", identity=9, track="t")
    (again,) = client.enrol(picture, camera="6")

    assert (first.status, broken.status, again.status) == ("added", "skipped", "present")
    assert broken.reason is not None
    assert first.id == again.id
    assert first.id is not None
    assert client.gallery().sightings == before.sightings + 1
    hit = client.search(picture, modality="ir", cameras=["6"]).hits[0]
    assert (hit.id, hit.identity, hit.track) == (first.id, 9, "t")
    assert hit.distance == pytest.approx(0, abs=1e-3)
    assert client.sighting(first.id).camera == "6"
    assert client.remove(first.id) == 1
    with pytest.raises(NotFound, match="never enrolled, or was erased"):
        client.sighting(first.id)
    assert client.remove(camera="1", identity=7) == 4


def test_an_embedding_is_the_encoders(client: Client, encoder: Encoder, people: SysuMM01) -> None:
    path = infrared(people)

    over_http = client.embed(path, modality="ir")

    expected = encoder.embed([decode(read_bytes(path))], Modality.IR)[0]
    assert over_http.embedding == pytest.approx(expected.tolist(), rel=1e-5, abs=1e-5)
    assert over_http.model.fingerprint == encoder.card.fingerprint


def test_the_network_the_gallery_and_the_card(client: Client, encoder: Encoder) -> None:
    network, gallery, card = client.cameras(), client.gallery(), client.model()

    assert [(c.id, c.place, c.modalities, c.sightings) for c in network.cameras][1:3] == [
        ("2", "room 2", ["rgb"], 12),
        ("3", "room 2", ["ir"], 0),
    ]
    assert (gallery.sightings, len(gallery.cameras), gallery.metric) == (48, 4, encoder.card.metric)
    assert card["fingerprint"] == encoder.card.fingerprint
    assert client.ready()


@pytest.mark.skipif("TESTS_OF_RUNNERS" not in os.environ, reason="run by index/test_runners_apart.py")
def test_a_server_computes_by_the_runner_that_it_was_started_with(settings: Settings, people: SysuMM01) -> None:
    with TestClient(create_app(replace(settings, runner="openvino")), base_url="http://127.0.0.1") as http:
        client = Client(http)

        card, answer = client.model(), client.search(infrared(people), camera="3")

    assert (card["runner"], card["providers"], card["computed_in"]) == ("openvino", ["OpenVINO:CPU"], None)
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        assert [hit.id for hit in answer.hits] == [
            hit.id for hit in Client(http).search(infrared(people), camera="3").hits
        ]


def picture(size: tuple[int, int] = (30, 80)) -> bytes:
    import io

    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("form", "images", "status", "detail"),
    [
        ({"camera": "9"}, 1, 422, "no camera '9' in network 'sysu-mm01'; it has: 1, 2, 3, 4, 5 and 6"),
        ({}, 1, 422, "a search needs the query's camera, or at least its modality"),
        ({"camera": "3", "modality": "rgb"}, 1, 422, "camera 3 gives ir images, the query says rgb"),
        ({"camera": "3", "modality": "x"}, 1, 422, "modality"),
        ({"camera": "3", "top_k": "0"}, 1, 422, "top_k"),
        ({"camera": "3", "top_k": "51"}, 1, 422, "top_k must be at most 50 here, not 51"),
        ({"camera": "3", "since": "2026-01-01T00:00:00"}, 1, 422, "since needs a zone"),
        ({"camera": "3", "since": "yesterday"}, 1, 422, "since"),
        ({"camera": "3", "cameras": "1,7"}, 1, 422, "no camera '7'"),
        ({"camera": "3"}, 0, 422, "images"),
        ({"camera": "3"}, 5, 422, "between 1 and 4 images in one request, not 5"),
    ],
)
def test_a_wrong_search_is_a_problem_document_that_says_how(
    http: TestClient, form: dict[str, str], images: int, status: int, detail: str
) -> None:
    files = [("images", (f"{i}.png", picture())) for i in range(images)]

    response = http.post("/search", data=form, files=files or None)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert detail in problem["detail"]
    assert (problem["status"], problem["type"]) == (status, f"urn:rgbir:problem:{problem['code']}")


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"", "empty file"),
        (b"GIF89a", "not an image of a known format"),
        (picture((2000, 2000)), "2000 x 2000 pixels; at most 1,000,000 are decoded"),
        (picture()[:50], "can't be decoded"),
    ],
)
def test_a_wrong_image_is_a_problem_document(http: TestClient, data: bytes, detail: str) -> None:
    response = http.post("/search", data={"camera": "3"}, files=[("images", ("night.png", data))])

    assert response.status_code == 422
    assert response.json()["detail"].startswith("night.png: ")
    assert detail in response.json()["detail"]


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_413_announced_or_not(http: TestClient, announced: bool) -> None:
    def stream() -> Iterator[bytes]:
        for _ in range(10):
            yield b"x" * 100_000

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    response = http.post("/search", content=b"x" * 1_000_000 if announced else stream(), headers=headers)

    assert response.status_code == 413
    assert "400,000 bytes" in response.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/search", 405),
        ("GET", "/gallery/sightings/none", 404),
        ("GET", "/gallery/sightings/none/image", 404),
        ("DELETE", "/gallery/sightings/none", 404),
        ("DELETE", "/gallery/sightings", 422),
        ("DELETE", "/gallery/sightings?before=2026-01-01T00:00:00", 422),
        ("DELETE", "/gallery/sightings?identity=x", 422),
        ("GET", "/page/..%2Fapp.py", 404),
        ("GET", "/samples/x.jpg", 404),
    ],
)
def test_every_no_is_a_problem_document(http: TestClient, method: str, path: str, status: int) -> None:
    response = http.request(method, path)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"]


def test_too_many_requests_in_flight_are_429(settings: Settings, people: SysuMM01) -> None:
    with TestClient(create_app(replace(settings, max_in_flight=0)), base_url="http://127.0.0.1") as http:
        response = http.post(
            "/search", data={"camera": "3"}, files=[("images", ("a.jpg", infrared(people).read_bytes()))]
        )

    assert response.status_code == 429
    assert response.headers["retry-after"] == "1"


def test_a_place_is_taken_while_a_request_is_answered(
    settings: Settings, people: SysuMM01, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, release, search = threading.Event(), threading.Event(), Searcher.find

    def slowly(*arguments: Any, **options: Any) -> Any:
        begun.set()
        assert release.wait(HANGS_AFTER_S)
        return search(*arguments, **options)

    monkeypatch.setattr(Searcher, "find", slowly)
    images = [("images", ("a.jpg", infrared(people).read_bytes()))]
    app = create_app(replace(settings, max_in_flight=1))
    with TestClient(app, base_url="http://127.0.0.1") as http, ThreadPoolExecutor(1) as pool:
        first = pool.submit(http.post, "/search", data={"camera": "3"}, files=images)
        assert begun.wait(HANGS_AFTER_S)
        second = http.post("/search", data={"camera": "3"}, files=images)
        release.set()

        assert (second.status_code, first.result().status_code) == (429, 200)
        assert second.json()["detail"] == "1 requests are being answered already; try again in a moment"
        assert http.post("/search", data={"camera": "3"}, files=images).status_code == 200


def test_a_failure_of_the_server_tells_nothing_of_itself(http: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret of /etc")

    monkeypatch.setattr(Gallery, "counts", fail)
    response = http.get("/gallery")

    assert response.status_code == 500
    assert "secret" not in response.text


def test_the_page_and_its_parts_come_with_a_strict_policy(http: TestClient) -> None:
    for path, kind in (("/", "text/html"), ("/page/app.js", "text/javascript"), ("/page/style/base.css", "text/css")):
        response = http.get(path)
        assert response.status_code == 200
        assert response.headers["content-type"].startswith(kind)
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert response.headers["content-encoding"] == "gzip"
        plain = http.get(path, headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == response.content
    page = http.get("/").text
    assert "http://" not in page
    assert "https://" not in page


def test_health(http: TestClient, settings: Settings) -> None:
    assert http.get("/health/live").json()["status"] == "ok"
    assert "48 sightings" in http.get("/health/ready").json()["detail"]
    not_started = TestClient(create_app(settings), base_url="http://127.0.0.1")
    assert not_started.get("/health/live").status_code == 200
    assert not_started.get("/health/ready").status_code == 503


def test_a_server_that_others_reach_must_be_told_so(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="say --open"):
        Settings(tmp_path, tmp_path, host="0.0.0.0")
    assert Settings(tmp_path, tmp_path, host="0.0.0.0", open_to_all=True).host == "0.0.0.0"
    assert Settings(tmp_path, tmp_path, host="::1").host == "::1"


def test_the_clients_errors_carry_the_servers_words(client: Client, people: SysuMM01) -> None:
    with pytest.raises(Unprocessable, match="no camera '9'") as caught:
        client.search(infrared(people), camera="9")
    assert caught.value.status == 422


@pytest.mark.parametrize("pool", ["_decoders", "_searches", "_model", "_changes"])
def test_health_is_told_at_once_while_threads_do_long_work(gallery: Gallery, pool: str) -> None:
    app = create_app(Settings(gallery.folder, BUNDLE, threads=1))
    release, begun = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        release.wait(HANGS_AFTER_S)

    with TestClient(app, base_url="http://127.0.0.1") as http:
        busy: ThreadPoolExecutor = getattr(app.state.engine, pool)
        working = [busy.submit(work) for _ in range(20)]
        begun.wait(HANGS_AFTER_S)
        try:
            for _ in range(3):
                app.state.engine.watch.ask()
                assert http.get("/health/live").json()["status"] == "ok"
                assert "48 sightings" in http.get("/health/ready").json()["detail"]
            assert not working[0].done()
        finally:
            release.set()


def test_threads_that_answer_no_more_are_told_and_forgiven_when_they_do() -> None:
    now, release = [0.0], threading.Event()
    with ThreadPoolExecutor(1) as quick, ThreadPoolExecutor(1) as slow:
        watch = Watch({"quick": quick, "slow": slow}, {"quick": 10, "slow": 100}, {}, lambda: now[0])
        for pool in (quick, slow):
            pool.submit(release.wait, HANGS_AFTER_S)
        stuck = []
        for now[0] in (0.0, 9.0, 11.0, 99.0, 101.0):
            watch.ask()
            stuck.append(watch.stuck())
        assert stuck == [[], [], ["quick"], ["quick"], ["quick", "slow"]]
        release.set()
        until(lambda: watch.stuck() == [], "an answer")


def test_a_crop_that_is_not_what_was_written_is_not_shown(http: TestClient, gallery: Gallery) -> None:
    first, second = gallery.sightings()[:2]
    with closing(sqlite3.connect(gallery.folder / "gallery.sqlite3")) as database, database:
        database.execute("UPDATE crops SET data = (SELECT data FROM crops WHERE row = ?)", (second.row,))
    assert http.get(f"/gallery/sightings/{second.id}/image").status_code == 200
    refused = http.get(f"/gallery/sightings/{first.id}/image")
    assert refused.status_code == 503
    assert "is not what was written; restore a backup" in refused.json()["detail"]


def test_every_minute_a_journal_that_a_reader_needed_is_emptied_and_the_log_s_head_is_noted(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rgbir.server.engine.house.MINUTE_S", 0.05)
    gone, journal = gallery.sightings()[0].id, gallery.folder / "gallery.sqlite3-wal"
    heads = tmp_path / "heads.jsonl"
    settings = Settings(gallery.folder, BUNDLE, threads=1, audit=tmp_path / "audit.jsonl", audit_heads=heads)
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        reader = sqlite3.connect(gallery.folder / "gallery.sqlite3", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sightings").fetchone()
        gallery.add_cameras([Camera("new", frozenset({Modality.RGB}), "new")])
        assert http.delete(f"/gallery/sightings/{gone}").json()["removed"] == 1
        assert journal.stat().st_size > 0
        reader.close()
        until(lambda: journal.stat().st_size == 0, "the emptied journal")
        until(lambda: heads.exists() and json.loads(heads.read_text().splitlines()[-1])["n"] == 2, "the head")
