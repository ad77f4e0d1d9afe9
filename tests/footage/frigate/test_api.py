"""Frigate's HTTP API with every fault that there was a report of, and some that somebody hostile would make."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.footage.frigate.frigate import FrigateDouble, body, drop, endless, redirect, status
from tests.footage.frigate.people import passings

from rgbir.footage.frigate import api as module
from rgbir.footage.frigate.api import FrigateApi
from rgbir.footage.frigate.errors import Gone, Later, PassedOver
from rgbir.index import SysuMM01, UsageError

SECRET = "correct-horse"


@pytest.fixture
def one(frigate: FrigateDouble, people: SysuMM01) -> str:
    """An event with a clean snapshot."""
    [passing] = passings(people, 1)
    frigate.rows, frigate.pictures = [passing.row()], {passing.id: passing.picture}
    return passing.id


def test_a_clean_snapshot_is_had_from_old_and_new_versions_and_asked_for_by_its_name_from_then_on(
    frigate: FrigateDouble, one: str
) -> None:
    for name in ("snapshot-clean.webp", "snapshot-clean.png"):
        frigate.clean = name
        with FrigateApi(frigate.url) as api:
            assert api.snapshot(one) == frigate.pictures[one]
            frigate.asked.clear()
            assert api.snapshot(one) == frigate.pictures[one]
            assert frigate.asked == {f"/api/events/{one}/{name}": 1}


def test_the_stored_snapshot_is_taken_only_where_somebody_says_so(frigate: FrigateDouble, one: str) -> None:
    frigate.pictures, frigate.stored = {}, {one: b"jpeg"}
    with FrigateApi(frigate.url) as api, pytest.raises(Gone, match="no clean snapshot"):
        api.snapshot(one)
    with FrigateApi(frigate.url, stored=True) as api:
        assert api.snapshot(one) == b"jpeg"


def test_an_id_stays_within_its_path(frigate: FrigateDouble, one: str) -> None:
    with FrigateApi(frigate.url) as api, pytest.raises(Gone):
        api.snapshot("../../config?x=#y")
    assert all(path.startswith("/api/events/..%2F..%2Fconfig%3Fx%3D%23y/") for path in frigate.asked)


def test_a_redirect_is_not_followed(frigate: FrigateDouble, one: str) -> None:
    with FrigateDouble().running() as other, FrigateApi(frigate.url) as api:
        frigate.faults = {one: redirect(f"{other.url}/stolen"), "events": redirect(other.url)}
        with pytest.raises(Later, match="we don't go") as error:
            api.snapshot(one)
        assert other.url not in str(error.value)
        with pytest.raises(Later):
            api.people(0.0, None)
        assert not other.asked


def test_answers_are_bounded(frigate: FrigateDouble, one: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PICTURE", 3_000_000)
    monkeypatch.setattr(module, "MOST_LIST", 3_000_000)
    frigate.faults = {one: endless, "events": endless}
    with FrigateApi(frigate.url) as api:
        with pytest.raises(PassedOver, match="over 3,000,000 bytes"):
            api.snapshot(one)
        with pytest.raises(Later):
            api.people(0.0, None)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (status(500), Later),
        (status(503), Later),
        (status(429), Later),
        (status(400), PassedOver),
        (status(404), Gone),
        (drop, Later),
    ],
)
def test_what_frigate_says_is_told_apart(frigate: FrigateDouble, one: str, fault: object, kind: type) -> None:
    frigate.faults = {one: fault}  # type: ignore[dict-item]
    with FrigateApi(frigate.url) as api, pytest.raises(kind):
        api.snapshot(one)


@pytest.mark.parametrize("content", [b"", b"<html>", b"{}", b"[" * 100_000, b'[{"start_time":', b"\xff"])
def test_a_list_that_is_none_is_asked_for_again_later(frigate: FrigateDouble, content: bytes) -> None:
    frigate.faults = {"events": body(content)}
    with FrigateApi(frigate.url) as api, pytest.raises(Later):
        api.people(0.0, None)


def test_nobody_answers(frigate: FrigateDouble) -> None:
    with FrigateDouble().running() as other:
        url = other.url
    with FrigateApi(url) as api, pytest.raises(Later, match="nobody listens there"):
        api.version()


def test_an_answer_that_drips_ends(frigate: FrigateDouble, one: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def dripping(request: object) -> None:
        request.send_response(200)  # type: ignore[attr-defined]
        request.end_headers()  # type: ignore[attr-defined]
        try:
            while True:
                request.wfile.write(b"x")  # type: ignore[attr-defined]
                time.sleep(0.01)
        except OSError:
            pass

    monkeypatch.setattr(module, "LONGEST_S", 0.1)
    frigate.faults = {one: dripping}
    with FrigateApi(frigate.url) as api, pytest.raises(Later, match="isn't whole"):
        api.snapshot(one)


@pytest.mark.parametrize(
    "environment",
    [{module.TOKEN: SECRET}, {module.USER: "viewer", module.PASSWORD: "pass"}],
)
def test_a_token_or_a_login_opens_and_is_shown_nowhere(
    frigate: FrigateDouble,
    one: str,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    frigate.token, frigate.login = SECRET, ("viewer", "pass")
    with FrigateApi(frigate.url) as api, pytest.raises(Later, match=r"asks who we are \(401\)"):
        api.version()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    caplog.set_level(0)
    with FrigateApi(frigate.url) as api:
        assert api.version() == "0.17.0-double"
        assert api.snapshot(one) == frigate.pictures[one]
        assert frigate.asked["/api/login"] == (1 if module.USER in environment else 0)
        frigate.token = "another"
        if module.USER in environment:
            assert api.version() == "0.17.0-double"
        else:
            with pytest.raises(Later) as error:
                api.version()
            assert SECRET not in str(error.value)
    assert SECRET not in "".join(record.getMessage() for record in caplog.records if record.name.startswith("rgbir"))


def test_a_proxy_of_the_environment_sees_nothing(
    frigate: FrigateDouble, one: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FrigateDouble().running() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        with FrigateApi(frigate.url) as api:
            assert api.version() == "0.17.0-double"
        assert not proxy.asked


@pytest.mark.parametrize(
    "url", ["frigate:5000", "ftp://frigate", "http://", "http://a:b", "http://f?x", "http://f#y", ""]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="--url is Frigate's address"):
        FrigateApi(url)


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="RGBIR_FRIGATE_PASSWORD") as error:
        FrigateApi("http://viewer:hunter2@frigate:5000")
    assert "hunter2" not in str(error.value)


def test_a_file_that_holds_no_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for file in (tmp_path / "ca.pem", tmp_path / "absent.pem"):
        with pytest.raises(UsageError, match="--ca is a file of certificates"):
            FrigateApi("https://frigate:8971", ca=file)
