"""Keys over HTTP: none wider or longer-lived than the one that makes it, shown once, noted, and off where a site wants that."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.server.test_keys import bearer
from typer.testing import CliRunner

from rgbir.client import Client, Conflict, Forbidden, NotFound, Unprocessable
from rgbir.client.cli import app as commands
from rgbir.server import Settings, create_app
from rgbir.server.access import keys as keys_module
from rgbir.server.access.audit import entries
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.errors import BadSettings


@pytest.fixture
def http(settings: Settings, ring: Keyring) -> Iterator[TestClient]:
    token = ring.add("chief", Role.ADMIN)
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        opened.headers.update(bearer(token))
        yield opened


def as_key(http: TestClient, token: str) -> Client:
    http.headers.update(bearer(token))
    return Client(http)


def test_a_key_is_made_used_listed_and_ended_and_all_of_it_noted(
    http: TestClient, ring: Keyring, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client, chief = Client(http), http.headers["Authorization"].removeprefix("Bearer ")

    made = client.add_key("desk", role="search", cameras=["cam1", "4"], days=30)

    assert (made.name, made.role, made.cameras) == ("desk", "search", ["1", "4"])
    assert made.ends_at is not None
    assert made.ends_at - made.made_at == timedelta(days=30)
    listed = client.keys()
    assert [key.name for key in listed] == ["chief", "desk"]
    me = as_key(http, made.token).me()
    assert (me.name, me.cameras, me.ends_at) == ("desk", ["1", "4"], made.ends_at)
    client = as_key(http, chief)
    client.end_key("desk")
    with pytest.raises(Forbidden):
        as_key(http, made.token).me()
    client = as_key(http, chief)
    with pytest.raises(NotFound, match="no key 'desk'"):
        client.end_key("desk")
    assert settings.audit is not None
    noted = [entry for entry in entries(settings.audit) if "key" in entry["action"]]
    assert [(entry["action"], entry["who"], entry["key"]) for entry in noted] == [
        (action, "chief", "desk") for action in ("add key", "added key", "end key", "ended key", "end key")
    ]
    assert (noted[0]["cameras"], noted[0]["role"], noted[0]["days"]) == (["1", "4"], "search", 30)
    written = settings.audit.read_text() + caplog.text + ring.file.read_text()
    assert made.token not in written
    assert http.post("/keys", data={"name": "next"}).headers["Cache-Control"] == "no-store"


def test_a_key_whose_name_has_a_slash_is_ended_by_its_name(http: TestClient) -> None:
    client = Client(http)
    client.add_key("desk/2", role="search")
    client.end_key("desk/2")
    left = client.keys()
    assert [key.name for key in left] == ["chief"]


def test_no_key_makes_one_that_is_wider_or_lasts_longer(http: TestClient, ring: Keyring) -> None:
    hall = ring.add("hall", Role.ADMIN, ["1", "4"], days=10)
    ring.add("gate", Role.SEARCH, ["1"])
    ring.add("all", Role.SEARCH)
    ring.add("yard", Role.SEARCH, ["1", "5"])
    client = as_key(http, hall)
    refused: list[dict[str, Any]] = [
        {"days": 5},
        {"cameras": ["1", "5"], "days": 5},
        {"cameras": ["nowhere"], "days": 5},
        {"cameras": ["1"]},
        {"cameras": ["1"], "days": 11},
        {"cameras": ["1"], "days": 10},
    ]
    for given in refused:
        with pytest.raises(Forbidden):
            client.add_key("new", **given)
    listed = client.keys()
    assert [key.name for key in listed] == ["hall", "gate"]
    for other in ("all", "yard", "chief"):
        with pytest.raises(NotFound):
            client.end_key(other)
    made = client.add_key("new", role="admin", cameras=["4"], days=9)
    assert (made.cameras, made.role) == (["4"], "admin")
    client.end_key("gate")
    assert [key.name for key in ring.keys] == ["chief", "hall", "all", "yard", "new"]
    for role in ("search", "enrol", "export", "monitor"):
        with pytest.raises(Forbidden):
            as_key(http, ring.add(role, Role(role))).add_key("newer")


def test_a_key_ends_with_the_one_that_made_it_at_the_latest(ring: Keyring) -> None:
    ring.add("short", Role.ADMIN, days=3)
    (short,) = ring.keys
    assert short.expires_at is not None
    ring.add("longer", Role.SEARCH, days=30, until=short.expires_at)
    ring.add("endless", Role.SEARCH, until=short.expires_at)
    assert {key.expires_at for key in ring.keys} == {short.expires_at}


def test_a_name_is_given_once_and_what_no_key_has_is_refused(http: TestClient, ring: Keyring) -> None:
    client = Client(http)
    with pytest.raises(Conflict, match="there is a key 'chief' already"):
        client.add_key("chief")
    for name, reason in (("a\nb", "characters that can be printed"), ("   ", "characters that can be printed")):
        with pytest.raises(Unprocessable, match=reason):
            client.add_key(name)
    with pytest.raises(Unprocessable, match="no camera '9'"):
        client.add_key("new", cameras=["9"])
    with pytest.raises(Unprocessable):
        client.add_key("new", days=0)
    with pytest.raises(Unprocessable, match="leave cameras out for all"):
        client.add_key("new", cameras=[])
    assert [key.name for key in ring.keys] == ["chief"]


def test_of_a_key_that_is_not_seen_nothing_but_its_name_is_told(http: TestClient, ring: Keyring) -> None:
    hall = ring.add("hall", Role.ADMIN, ["1", "4"])
    ring.add("gate", Role.SEARCH, ["1"])
    ring.add("yard", Role.SEARCH, ["5"])
    client = as_key(http, hall)
    for name in ("yard", "chief"):
        with pytest.raises(Conflict) as refused:
            client.add_key(name, cameras=["1"])
        assert refused.value.detail == f"{name!r} can't be given to a key; choose another name"
        with pytest.raises(NotFound):
            client.end_key(name)
    with pytest.raises(Conflict, match="there is a key 'gate' already; end it"):
        client.add_key("gate", cameras=["1"])


def test_a_file_that_can_t_be_written_is_a_conflict_and_stays(
    http: TestClient, ring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(keys_module, "replace_file", refuse)
    client = Client(http)
    with pytest.raises(Conflict, match="can't be written") as refused:
        client.add_key("new")
    assert str(ring.file) not in str(refused.value)
    with pytest.raises(Conflict, match="can't be written"):
        client.end_key("chief")
    assert [key.name for key in ring.keys] == ["chief"]


def test_the_routes_are_off_where_a_site_wants_that_and_without_keys(settings: Settings, ring: Keyring) -> None:
    token = ring.add("chief", Role.ADMIN)
    for changed, reason in ((replace(settings, key_routes=False), "--no-key-routes"), (replace(settings, keys=None), "--keys FILE")):  # fmt: skip
        with TestClient(create_app(changed), base_url="http://127.0.0.1") as http:
            client = as_key(http, token)
            assert "keys" not in client.me().rights
            for ask in (client.keys, lambda client=client: client.add_key("new"), lambda client=client: client.end_key("chief")):  # fmt: skip
                with pytest.raises(NotFound, match=reason):
                    ask()
    assert [key.name for key in ring.keys] == ["chief"]


def test_a_plan_that_is_no_picture_ends_the_command_with_one_line(settings: Settings, tmp_path: Any) -> None:
    (tmp_path / "plan.svg").write_text("<svg/>")
    line = ["serve", "--gallery", str(settings.gallery), "--bundle", str(settings.bundle), "--port", "0"]
    result = CliRunner().invoke(commands, [*line, "--plan", str(tmp_path / "plan.svg")])
    assert isinstance(result.exception, BadSettings)
    assert "--plan is a picture, such as PNG or JPEG" in str(result.exception)
