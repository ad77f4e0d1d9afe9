"""Problem documents: every one has a code that stays, the code as a URI, and the request's id."""

from __future__ import annotations

import ast
import inspect
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.conftest import BUNDLE, ROOT

from rgbir.client import Answered, Client
from rgbir.index import Gallery, UnknownCamera
from rgbir.index import errors as index_errors
from rgbir.server import Settings, create_app
from rgbir.server import errors as server_errors
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.http.codes import CODES
from rgbir.server.http.problems import _OF_STATUSES, OF_EXCEPTIONS, code_of

FROZEN = {
    "audit-failed": 503, "bad-archive": 422, "bad-form": 400, "bad-image": 422, "bad-request": 422, "cant-write": 503, "cases-unusable": 503, "client-gone": 499,
    "gallery-busy": 409, "gallery-damaged": 503, "gallery-full": 503, "gallery-missing": 503, "gallery-moved": 503,
    "gallery-unusable": 503, "held": 409, "headers-too-long": 431, "index-failed": 500, "internal": 500, "invalid-fields": 422, "invalid-query": 422,
    "keys-unreadable": 503, "method-not-allowed": 405, "no-key": 401, "no-such-path": 404, "not-allowed": 403, "not-found": 404,
    "no-detector": 501, "no-footage": 501, "no-retention": 409, "nobody-found": 422, "not-now": 409, "other-model": 422, "temporary-folder-full": 507, "too-busy": 429, "too-large": 413, "too-many-connections": 503,
    "too-slow": 408, "took-too-long": 503, "unknown-camera": 422, "url-too-long": 414, "wrong-host": 421,
}  # fmt: skip
"""Programs rely on them: a line is added, and none is changed or taken away without a word in the changelog."""


def test_the_codes_stay_what_they_are() -> None:
    assert {code.name: code.status for code in CODES.values()} == FROZEN


@pytest.mark.slow
def test_every_code_is_used_and_every_use_is_of_a_code() -> None:
    """In the map of exceptions, in that of statuses, or by its name in the source."""
    named: set[str] = set()
    for file in (ROOT / "server").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in CODES and file.name != "codes.py":
                named.add(node.value)
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("problem", "self._refuse"):
                first = node.args[0]
                assert not isinstance(first, ast.Constant) or first.value in CODES, ast.unparse(node)
    assert named == set(CODES)
    assert {code.name for code in OF_EXCEPTIONS.values()} | set(_OF_STATUSES.values()) <= set(CODES)


def test_the_reference_has_every_code() -> None:
    reference = (ROOT / "docs/reference/http.md").read_text(encoding="utf-8")
    for code in CODES.values():
        assert f"| {code.status} | `{code.name}` | {code.meaning} |" in reference


EXCEPTIONS: list[type[Exception]] = [
    kind
    for module in (server_errors, index_errors)
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if kind.__module__ == module.__name__ and issubclass(kind, Exception)
]


def test_exceptions_that_a_caller_can_tell_apart_have_codes_of_their_own() -> None:
    """Two share a code only where one is the other's base, or where the server fails without a word."""
    for kind in EXCEPTIONS:
        for other in EXCEPTIONS:
            if code_of(kind) == code_of(other) != CODES["internal"]:
                shared = next(base for base in kind.__mro__ if base in OF_EXCEPTIONS)
                assert issubclass(other, shared), (kind, other)


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory, enrolled: Path) -> Iterator[TestClient]:
    """A server that all tests share: what it refuses changes nothing."""
    folder = tmp_path_factory.mktemp("problems")
    shutil.copytree(enrolled, folder / "gallery")
    settings = Settings(folder / "gallery", BUNDLE, threads=1, max_bytes=100_000)
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        yield opened


def expect_problem(response: Any, code: str, request_id: str | None = None) -> dict[str, Any]:
    problem: dict[str, Any] = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (problem["code"], problem["type"]) == (code, f"urn:rgbir:problem:{code}")
    assert problem["status"] == response.status_code == FROZEN[code]
    assert problem["title"] == CODES[code].meaning
    assert problem["request_id"] == response.headers["x-request-id"] == (request_id or problem["request_id"])
    assert len(problem["request_id"]) > 5
    assert "content-security-policy" in response.headers
    return problem


IMAGE = [("images", ("a.png", b"x"))]
BROKEN = {"content": b"--x\r\nnothing", "headers": {"Content-Type": "multipart/form-data"}}


@pytest.mark.parametrize(
    ("method", "path", "given", "code"),
    [
        ("POST", "/search", {"data": {"camera": "3"}, "files": IMAGE}, "bad-image"),
        ("POST", "/search", {"data": {"camera": "9"}, "files": IMAGE}, "unknown-camera"),
        ("POST", "/search", {"data": {"camera": "3", "since": "2026-01-01T00:00:00"}, "files": IMAGE}, "invalid-query"),
        ("POST", "/search", {"data": {"camera": "3"}}, "bad-request"),
        ("POST", "/search", {"data": {"camera": "3", "top_k": "x"}, "files": IMAGE}, "invalid-fields"),
        ("POST", "/search", {"json": {}}, "bad-request"),
        ("POST", "/search", BROKEN, "bad-form"),
        ("POST", "/search", {"files": [("images", ("a.png", b"x" * 200_000))]}, "too-large"),
        ("POST", "/gallery/jobs", {"files": {"archive": b"no zip"}}, "bad-archive"),
        ("GET", "/gallery/sightings/none", {}, "not-found"),
        ("GET", "/gallery/nothing/there", {}, "no-such-path"),
        ("PUT", "/search", {}, "method-not-allowed"),
        ("GET", "/gallery", {"headers": {"Host": "evil.example"}}, "wrong-host"),
        ("GET", "/gallery", {"headers": {"Origin": "http://evil.example"}}, "not-allowed"),
        ("GET", "/audit", {}, "not-found"),
        ("POST", "/models/none/prepare", {}, "not-found"),
    ],
)  # fmt: skip
def test_a_provoked_failure_bears_code_type_and_request_id(
    http: TestClient, method: str, path: str, given: dict[str, Any], code: str
) -> None:
    expect_problem(http.request(method, path, **given), code)

    named = {**given, "headers": {**given.get("headers", {}), "X-Request-Id": "caller-7.1"}}
    expect_problem(http.request(method, path, **named), code, "caller-7.1")


@pytest.mark.parametrize("kind", [*OF_EXCEPTIONS, index_errors.BadBundle, RuntimeError])
def test_whatever_a_route_raises_is_the_problem_of_its_class(
    http: TestClient, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def fail(*_: object) -> None:
        raise kind("because")

    monkeypatch.setattr(Gallery, "counts", fail)
    expected = "internal" if kind is RuntimeError else OF_EXCEPTIONS.get(kind, CODES["index-failed"]).name

    problem = expect_problem(http.get("/gallery"), expected)

    assert ("because" in problem["detail"]) == (kind is not RuntimeError)


def test_each_field_that_does_not_fit_is_named_with_a_code(http: TestClient) -> None:
    form = {"camera": "3", "top_k": "0", "modality": "x", "images": "text"}

    problem = expect_problem(http.post("/search/batch", data=form), "invalid-fields")
    codes = {error["field"]: error["code"] for error in problem["errors"]}
    assert codes == {"top_k": "greater_than_equal", "modality": "literal_error", "images.0": "file_expected"}


def test_without_a_key_or_its_right_it_is_the_same(settings: Settings, ring: Keyring) -> None:
    token = ring.add("looks", Role.SEARCH)
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        expect_problem(http.get("/gallery"), "no-key")
        expect_problem(http.get("/models", headers={"Authorization": f"Bearer {token}"}), "not-allowed")
        http.headers["Authorization"] = f"Bearer {token}"
        with pytest.raises(Answered) as caught:
            Client(http).models()
    assert caught.value.code == "not-allowed"
    assert f"(not-allowed, request {caught.value.request_id})" in str(caught.value)


def test_the_log_has_the_id_that_the_problem_has(http: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("because")

    with caplog.at_level("INFO", "rgbir"), pytest.MonkeyPatch.context() as patched:
        patched.setattr(Gallery, "counts", fail)
        problem = http.get("/gallery").json()
    assert [record.rgbir["request"] for record in caplog.records if hasattr(record, "rgbir")] == [problem["request_id"]]
    assert f"request {problem['request_id']} failed" in caplog.text


def test_an_error_of_our_own_class_is_told_by_its_nearest_base() -> None:
    class OfATest(UnknownCamera):
        pass

    assert code_of(OfATest).name == "unknown-camera"
    assert code_of(KeyError).name == "internal"
