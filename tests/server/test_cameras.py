"""Cameras over HTTP: who may change them, what is noted, and what a key sees after a new name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient
from tests.conftest import BUNDLE
from tests.index.yard import model

from rgbir.client import AsyncClient, Client, Forbidden, NotFound, Refused, Unprocessable
from rgbir.index import CameraNetwork, Encoder, Gallery, SysuMM01, enrol
from rgbir.index.gallery.changes import CameraEdit
from rgbir.server import Settings, create_app
from rgbir.server.access.audit import entries
from rgbir.server.access.keys import Keyring, Role

MAY = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def http(settings: Settings, ring: Keyring) -> Iterator[TestClient]:
    token = ring.add("chief", Role.ADMIN)
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        opened.headers["Authorization"] = f"Bearer {token}"
        yield opened


def test_a_camera_is_added_moved_and_removed_and_every_change_noted(
    http: TestClient, gallery: Gallery, settings: Settings, people: SysuMM01
) -> None:
    client = Client(http)
    assert settings.audit is not None
    tried = client.put_camera("yard-ir", dry_run=True, modalities=["ir"], place="yard")
    assert (tried.changed, "yard-ir" in gallery.network) == (False, False)

    made = client.put_camera(
        "yard-ir", modalities=["ir"], place="yard", position="12.5,3", scene="outdoor", aliases=["n"]
    )

    assert made.camera is not None
    assert (made.camera.id, made.camera.aliases, made.camera.place, made.camera.scene) == (
        "yard-ir",
        ["n"],
        "yard",
        "outdoor",
    )
    assert made.camera.places[0].position == (12.5, 3)
    moved = client.put_camera("n", place=gallery.network["1"].place, since=MAY)
    again = client.put_camera("n", place=gallery.network["1"].place, since=MAY)
    assert (moved.changed, again.changed, again.camera) == (True, False, moved.camera)
    infrared = next(people.records("test", (3,))).path
    answers = [client.search(infrared, camera="n", taken_at=MAY + timedelta(days=day)) for day in (-1, 1)]
    assert ["1" in answer.searched_cameras for answer in answers] == [True, False]
    assert [answer.query.place for answer in answers] == ["yard", gallery.network["1"].place]
    assert client.camera("n").places[1].since == MAY
    assert client.remove_camera("yard-ir").camera is None
    for call in (client.camera, client.remove_camera):
        with pytest.raises(NotFound, match="no camera 'yard-ir' here"):
            call("yard-ir")
    noted = [entry for entry in entries(settings.audit) if "camera" in entry["action"]]
    assert [(entry["action"], entry["who"], entry["camera"]) for entry in noted] == [
        (action, "chief", name)
        for name in ("yard-ir", "n", "yard-ir")
        for action in ("change camera", "changed camera")
    ]
    assert (noted[0]["before"], noted[1]["after"]["place"]) == (None, "yard")
    assert noted[3]["before"]["place"] == "yard"
    assert noted[3]["after"]["places"][1] == {"place": gallery.network["1"].place, "since": MAY.isoformat()}
    assert noted[5]["after"] is None


def test_what_is_refused_says_why_and_changes_nothing(http: TestClient, gallery: Gallery, settings: Settings) -> None:
    before, generation = gallery.network, gallery.generation
    assert settings.audit is not None
    for path, form, detail in [
        ("7", {}, "say whether its images are rgb, ir or both"),
        ("7", {"modalities": "thermal"}, "modalities are rgb, ir or both of them, not thermal"),
        ("1", {"modalities": "ir"}, "which were encoded as rgb"),
        ("1", {"name": "2"}, "two cameras are called '2'"),
        ("1", {"since": "2026-05-01T00:00:00Z"}, "name the place, too"),
        ("1", {"place": "x", "since": "2026-05-01T00:00:00"}, "since needs a zone"),
        ("1", {"position": "here"}, "position is x,y"),
        ("1", {"position": "nan,1"}, "two numbers"),
        ("1", {"place": "a\nb"}, "characters that can be printed"),
        ("1", {"colour": "red"}, "no form field 'colour' here"),
        ("a,b", {"modalities": "ir"}, "no ','"),
    ]:
        answer = http.put(f"/cameras/{path}", data=form)
        assert (answer.status_code, detail in answer.json()["detail"]) == (422, True), answer.text
    erased_first = http.delete("/cameras/1")
    assert (erased_first.status_code, "erase them first" in erased_first.json()["detail"]) == (422, True)
    gallery.view()
    assert (gallery.network, gallery.generation) == (before, generation)
    assert list(entries(settings.audit)) == []


def test_a_new_name_neither_widens_nor_narrows_what_a_key_sees(
    http: TestClient, ring: Keyring, people: SysuMM01
) -> None:
    chief, infrared = Client(http), next(people.records("test", (3,))).path
    admin = http.headers["Authorization"]
    old, other = ring.add("old", Role.SEARCH, ["1"]), ring.add("other", Role.SEARCH, ["2", "lobby"])
    chief.put_camera("1", name="door")
    new = ring.add("new", Role.SEARCH, ["door"])

    def seen(token: str) -> set[str]:
        http.headers["Authorization"] = f"Bearer {token}"
        answer = chief.search(infrared, camera="6", cameras=["door"] if token != other else None, top_k=99)
        assert {camera.id for camera in chief.cameras().cameras} == set(answer.searched_cameras)
        assert {count.camera for count in chief.gallery().cameras} == set(answer.searched_cameras)
        assert {chief.sighting(hit.id).camera for hit in answer.hits} == {hit.camera for hit in answer.hits}
        return {hit.camera for hit in answer.hits}

    assert [seen(token) for token in (old, new, other)] == [{"door"}, {"door"}, {"2"}]
    with pytest.raises(Forbidden, match="is for cameras 2 and lobby, not for door"):
        chief.search(infrared, camera="6", cameras=["door"])
    with pytest.raises(NotFound):
        chief.camera("door")
    http.headers["Authorization"] = admin
    with pytest.raises(
        Refused, match="the key 'other' is for a camera called lobby, and would see this one from then on"
    ):
        chief.put_camera("1", aliases=["lobby"])
    with pytest.raises(Refused, match="the key 'other' is for a camera called lobby"):
        chief.put_camera("1", name="lobby")
    assert [chief.camera(name).id for name in ("1", "cam1", "door")] == ["door"] * 3
    picture = next(people.records("test", (1,))).path
    first = chief.enrol(picture, camera="1")[0]
    assert [(again.status, again.id) for again in chief.enrol(picture, camera="door")] == [("present", first.id)]


def test_a_change_by_another_process_is_seen_without_a_restart(http: TestClient, gallery: Gallery) -> None:
    client = Client(http)
    assert client.camera("1").place != "elsewhere"
    gallery.change_network(lambda network: CameraEdit(place="elsewhere").edited(network, "1"))
    assert client.camera("1").place == "elsewhere"


def test_galleries_of_other_models_go_by_the_change(tmp_path: Path, people: SysuMM01, encoder: Encoder) -> None:
    network = CameraNetwork.read("sysu-mm01")
    with Gallery.open_or_create(tmp_path / "g", encoder.card, network) as gallery:
        enrol(list(people.records("test", (1,)))[:2], encoder, gallery)
    beside = tmp_path / f"g.{'0' * 16}"
    Gallery.create(beside, model(4), network).close()
    with TestClient(create_app(Settings(tmp_path / "g", BUNDLE, threads=1)), base_url="http://127.0.0.1") as http:
        change = Client(http).put_camera("1", place="elsewhere")
        assert (change.touched[0].untimed, change.unreached) == (2, [])
    with Gallery(beside) as other:
        assert other.network["1"].place == "elsewhere"


def test_both_clients_send_a_camera_alike() -> None:
    sent: list[tuple[str, str, bytes]] = []

    def record(request: httpx2.Request) -> httpx2.Response:
        sent.append((request.method, request.url.raw_path.decode(), request.read()))
        return httpx2.Response(200, json={"changed": True, "touched": []})

    transport = httpx2.MockTransport(record)
    fields = {"modalities": ["rgb", "ir"], "place": "hall", "since": MAY}
    Client(httpx2.Client(base_url="http://s", transport=transport)).put_camera("a/b", **fields)  # type: ignore[arg-type]

    async def run() -> None:
        async with AsyncClient(httpx2.AsyncClient(base_url="http://s", transport=transport)) as client:
            await client.put_camera("a/b", **fields)  # type: ignore[arg-type]

    asyncio.run(run())
    assert sent[0] == sent[1]
    assert sent[0][:2] == ("PUT", "/cameras/a%2Fb?dry_run=false")
    assert sent[0][2] == b"modalities=rgb&modalities=ir&place=hall&since=2026-05-01T00%3A00%3A00%2B00%3A00"
    with pytest.raises(TypeError, match="no option 'colour'"):
        Client("http://s").put_camera("a", colour="red")  # type: ignore[call-arg]


def test_a_camera_whose_name_has_a_slash_is_reached_by_its_name(http: TestClient, gallery: Gallery) -> None:
    client = Client(http)
    client.put_camera("hall/2", modalities=["rgb"], place="hall 2")
    assert client.camera("hall/2").place == "hall 2"
    client.put_camera("hall/2", place="stairs/left")
    assert client.camera("hall/2").place == "stairs/left"
    client.remove_camera("hall/2")
    assert "hall/2" not in gallery.network


@pytest.mark.parametrize("name", ["\nhall", "ha\nll", "hall\n", "hall\r\n/2"])
def test_a_line_feed_in_a_camera_s_name_is_refused_by_name(http: TestClient, name: str) -> None:
    client = Client(http)
    with pytest.raises(Unprocessable, match="can be printed"):
        client.put_camera(name, modalities=["rgb"], place="hall 2")
    for ask in (client.camera, client.remove_camera):
        with pytest.raises(NotFound, match="no camera"):
            ask(name)
