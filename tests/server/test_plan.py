"""The plan's picture and the passages: pixels and nothing else of a file, and nothing of places that a key doesn't see."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tests.server.test_keys import bearer

from rgbir.client import Client, Forbidden, NotFound
from rgbir.index import Gallery
from rgbir.index.cameras import Passage
from rgbir.server import Settings, create_app
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.engine.plan import read_plan
from rgbir.server.errors import BadSettings

SECRET = b"drawn by Kim, room 7"


def drawing(kind: str) -> tuple[np.ndarray, bytes]:
    """Smooth pixels (40, 60, 3), and a file of them with a secret in its metadata and behind its end."""
    x, y = np.meshgrid(np.arange(60), np.arange(40))
    pixels = np.stack([4 * x, 6 * y, np.full_like(x, 90)], -1).astype(np.uint8)
    notes = PngInfo()
    notes.add_text("Comment", SECRET.decode())
    buffer = io.BytesIO()
    more = {"pnginfo": notes} if kind == "PNG" else {"comment": SECRET, "quality": 95} if kind == "JPEG" else {}
    Image.fromarray(pixels).save(buffer, kind, **more)
    return pixels, buffer.getvalue() + SECRET


@pytest.mark.parametrize(("kind", "served"), [("PNG", "PNG"), ("JPEG", "JPEG"), ("BMP", "JPEG")])
def test_a_picture_keeps_its_pixels_and_nothing_else(kind: str, served: str, tmp_path: Path) -> None:
    pixels, data = drawing(kind)
    assert SECRET in data
    (tmp_path / "plan").write_bytes(data)

    picture = read_plan(tmp_path / "plan", max_pixels=2400)

    shown = Image.open(io.BytesIO(picture.data))
    assert (shown.format, picture.media_type) == (served, f"image/{served.lower()}")
    assert (picture.width, picture.height) == (60, 40)
    assert np.abs(np.asarray(shown.convert("RGB")).astype(int) - pixels).max() <= (0 if served == "PNG" else 12)
    assert SECRET not in picture.data


def test_a_plan_that_is_no_small_picture_is_refused_before_the_server_starts(tmp_path: Path, gallery: Gallery) -> None:
    (tmp_path / "plan.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    (tmp_path / "plan.png").write_bytes(drawing("PNG")[1])
    for name, most, reason in (
        ("plan.svg", 10**6, "known format"),
        ("plan.png", 2399, "at most 2,399"),
        ("none", 9, "not a file"),
    ):
        with pytest.raises(BadSettings, match=reason):
            read_plan(tmp_path / name, most)


@pytest.fixture
def http(settings: Settings, ring: Keyring, gallery: Gallery, tmp_path: Path) -> Iterator[TestClient]:
    places = {camera.id: camera.place for camera in gallery.network}
    walks = (Passage(places["1"], places["4"], 30, 90), Passage(places["4"], places["5"], 60))
    gallery.change_network(lambda network: replace(network, passages=walks, plan="cellar"))
    (tmp_path / "plan.png").write_bytes(drawing("PNG")[1])
    ring.add("first", Role.ADMIN)
    with TestClient(create_app(replace(settings, plan=tmp_path / "plan.png")), base_url="http://127.0.0.1") as opened:
        yield opened


def test_passages_and_the_picture_are_told_to_a_key_of_all_cameras(
    http: TestClient, ring: Keyring, gallery: Gallery
) -> None:
    http.headers.update(bearer(ring.add("kim", Role.SEARCH)))
    client = Client(http)

    network = client.cameras()

    places = {camera.id: camera.place for camera in gallery.network}
    walks = [(walk.origin, walk.destination, walk.soonest_s, walk.latest_s) for walk in network.passages]
    assert walks == [(places["1"], places["4"], 30, 90), (places["4"], places["5"], 60, None)]
    assert network.picture is not None
    assert (network.picture.path, network.picture.width, network.picture.height) == ("/plan", 60, 40)
    assert Image.open(io.BytesIO(client.plan())).size == (60, 40)


def test_a_key_of_some_cameras_is_told_no_place_of_others(http: TestClient, ring: Keyring, gallery: Gallery) -> None:
    http.headers.update(bearer(ring.add("hall", Role.SEARCH, ["1", "4"])))
    client = Client(http)

    network = client.cameras()

    places = {camera.id: camera.place for camera in gallery.network}
    assert [{walk.origin, walk.destination} for walk in network.passages] == [{places["1"], places["4"]}]
    assert network.picture is None
    with pytest.raises(Forbidden, match="of all cameras"):
        client.plan()


def test_a_server_without_a_picture_says_how_to_give_it_one(settings: Settings) -> None:
    with TestClient(create_app(replace(settings, keys=None)), base_url="http://127.0.0.1") as http:
        assert Client(http).cameras().picture is None
        with pytest.raises(NotFound, match="--plan FILE"):
            Client(http).plan()
