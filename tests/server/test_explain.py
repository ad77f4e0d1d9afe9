"""`POST /explain`: where the network reacted, told to those who may look, and noted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from tests.conftest import BUNDLE

from rgbir.client import Client, Forbidden, NotFound, Unprocessable
from rgbir.index import Encoder, Gallery, Modality, SysuMM01, decode
from rgbir.server import Settings, create_app
from rgbir.server.access.keys import Keyring, Role


@pytest.fixture
def settings(gallery: Gallery, tmp_path: Path) -> Settings:
    return Settings(gallery.folder, BUNDLE, threads=1, audit=tmp_path / "audit.jsonl", keys=tmp_path / "keys.json")


@pytest.fixture
def http(settings: Settings) -> Iterator[TestClient]:
    Keyring(settings.keys or Path()).add("root", Role.ADMIN)
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        yield opened


def client_of(http: TestClient, token: str) -> Client:
    http.headers["Authorization"] = f"Bearer {token}"
    return Client(http)


def test_the_map_is_the_encoders_and_it_is_noted(
    http: TestClient, settings: Settings, people: SysuMM01, encoder: Encoder, gallery: Gallery
) -> None:
    client = client_of(http, Keyring(settings.keys or Path()).add("weber", Role.SEARCH))
    image = next(people.records("test", (3,))).path.read_bytes()
    told = client.explain(image, modality="ir", box=(4, 2, 40, 96))
    expected = encoder.reactions(encoder.pixels(decode(image, box=(4, 2, 40, 96)))[None], Modality.IR)[0]
    np.testing.assert_allclose(told.values, expected / expected.max(), atol=1e-3)
    assert (told.rows, told.columns) == expected.shape
    assert told.shuffled < 0.5

    sighting = gallery.sightings()[0]
    crop = gallery.crop(sighting.id)
    assert crop is not None
    of_crop = encoder.reactions(encoder.pixels(decode(crop.data))[None], Modality.RGB)[0]
    np.testing.assert_allclose(client.explain(sighting=sighting.id).values, of_crop / of_crop.max(), atol=1e-3)
    noted = [json.loads(line) for line in (settings.audit or Path()).read_text().splitlines()]
    told_of = [(entry["who"], entry["query"]) for entry in noted if entry.get("action") == "explain"]
    assert [who for who, _ in told_of] == ["weber", "weber"]
    assert told_of[1][1] == {"sighting": sighting.id}
    assert "sha256" in told_of[0][1]


def test_a_key_is_told_of_its_own_cameras_alone(http: TestClient, settings: Settings, gallery: Gallery) -> None:
    ring = Keyring(settings.keys or Path())
    hidden = next(each for each in gallery.sightings() if each.camera == "1")
    with pytest.raises(NotFound):
        client_of(http, ring.add("desk", Role.SEARCH, ["4"])).explain(sighting=hidden.id)
    with pytest.raises(Forbidden):
        client_of(http, ring.add("enrol", Role.ENROL)).explain(sighting=hidden.id)


def test_what_is_missing_or_too_much_is_said(
    http: TestClient, settings: Settings, people: SysuMM01, gallery: Gallery
) -> None:
    client = client_of(http, Keyring(settings.keys or Path()).add("weber", Role.SEARCH))
    image = next(people.records("test", (3,))).path.read_bytes()
    with pytest.raises(Unprocessable, match="say the image's modality"):
        client.explain(image)
    with pytest.raises(Unprocessable, match="one image, or the id of a sighting"):
        client.explain()
    with pytest.raises(Unprocessable, match="box tells of an image"):
        client.explain(sighting=gallery.sightings()[0].id, box=(1, 2, 3, 4))


def test_a_sighting_of_a_colour_camera_is_not_explained_as_infrared(
    http: TestClient, settings: Settings, gallery: Gallery
) -> None:
    client = client_of(http, Keyring(settings.keys or Path()).add("weber", Role.SEARCH))
    sighting = next(each for each in gallery.sightings() if each.camera == "1")
    with pytest.raises(Unprocessable, match="camera 1 gives rgb images, the query says ir"):
        client.explain(sighting=sighting.id, modality="ir")
    assert client.explain(sighting=sighting.id, modality="rgb").modality == "rgb"


def test_a_bundle_that_tells_nothing_says_what_to_do(
    settings: Settings, tmp_path: Path, people: SysuMM01, gallery: Gallery
) -> None:
    shutil.copytree(BUNDLE, tmp_path / "plain")
    card = json.loads((BUNDLE / "card.json").read_text())
    for name in card.pop("reaction")["graphs"].values():
        del card["files"][name]
    (tmp_path / "plain/card.json").write_text(json.dumps(card))
    plain = replace(settings, bundle=tmp_path / "plain", keys=None)
    with (
        TestClient(create_app(plain), base_url="http://127.0.0.1") as http,
        pytest.raises(Unprocessable, match="rgbir export explain BUNDLE --data DATA"),
    ):
        Client(http).explain(sighting=gallery.sightings()[0].id)
