"""What a key is told of itself: who it is, what it may do, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from tests.server.test_keys import MAY, bearer

from rgbir.client import Client
from rgbir.index import Gallery
from rgbir.server import Settings, create_app
from rgbir.server.access.keys import Keyring, Role

RIGHT_OF = {
    "search": ("POST", "/search"),
    "enrol": ("POST", "/gallery/sightings"),
    "export": ("POST", "/embed"),
    "look": ("GET", "/gallery"),
    "monitor": ("GET", "/metrics"),
    "erase": ("DELETE", "/gallery/sightings"),
    "keys": ("GET", "/keys"),
    "administer": ("GET", "/audit"),
}
"""A route that wants each right."""


@pytest.fixture
def http(settings: Settings, ring: Keyring) -> Iterator[TestClient]:
    ring.add("first", Role.ADMIN)
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        yield opened


@pytest.mark.parametrize("role", Role)
def test_a_key_is_told_the_rights_that_the_routes_give_it(http: TestClient, ring: Keyring, role: Role) -> None:
    http.headers.update(bearer(ring.add("kim", role)))

    me = Client(http).me()

    granted = {right for right, route in RIGHT_OF.items() if role is Role.ADMIN or role in MAY[route]}
    assert (me.keys, me.name, me.role, me.cameras, me.ends_at) == (True, "kim", role.value, None, None)
    assert set(me.rights) == granted


def test_a_key_of_some_cameras_is_told_their_names_and_no_right_of_all_cameras(http: TestClient, ring: Keyring) -> None:
    http.headers.update(bearer(ring.add("chief", Role.ADMIN)))
    Client(http).put_camera("1", name="front")
    begun = datetime.now(UTC)
    http.headers.update(bearer(ring.add("hall", Role.ADMIN, ["1", "attic"], days=2)))

    me = Client(http).me()

    assert me.cameras == ["front", "attic"]
    assert set(me.rights) == set(RIGHT_OF) - {"monitor", "administer"}
    assert me.ends_at is not None
    assert timedelta(days=2) <= me.ends_at - begun < timedelta(days=2, minutes=5)
    for right, (method, path) in RIGHT_OF.items():
        params = {"camera": "1", "identity": "99999"} if right == "erase" else {}
        assert (http.request(method, path, params=params).status_code == 403) == (right not in me.rights), right


def test_a_server_without_keys_says_that_it_asks_for_none(settings: Settings, gallery: Gallery) -> None:
    with TestClient(create_app(replace(settings, keys=None)), base_url="http://127.0.0.1") as http:
        me = Client(http).me()
    assert (me.keys, me.name, me.cameras, set(me.rights)) == (False, "anyone", None, set(RIGHT_OF) - {"keys"})
