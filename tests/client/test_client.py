"""The client alone: requests, errors, and a server that isn't there."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx2
import pytest

from rgbir.client import Busy, Client, ClientError, ConnectionFailed, Forbidden, NotFound, ServerFailed, Unprocessable


def answering(status: int, body: bytes = b"{}", headers: dict[str, str] | None = None) -> Client:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(status, content=body, headers=headers))
    return Client(httpx2.Client(base_url="http://server", transport=transport))


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [(400, Unprocessable, 2), (401, Forbidden, 2), (403, Forbidden, 2), (404, NotFound, 2), (409, Busy, 1), (413, Unprocessable, 2), (422, Unprocessable, 2), (429, Busy, 1), (500, ServerFailed, 1), (503, Busy, 1)],
)  # fmt: skip
def test_each_problem_is_the_exception_for_what_one_can_do(status: int, error: type[ClientError], code: int) -> None:
    with (
        pytest.raises(error, match="because") as caught,
        answering(status, json.dumps({"detail": "because"}).encode()) as client,
    ):
        client.gallery()
    assert type(caught.value) is error
    assert caught.value.exit_code == code


def test_a_busy_server_says_when_to_come_back() -> None:
    with pytest.raises(Busy) as caught:
        answering(429, headers={"Retry-After": "7"}).gallery()
    assert caught.value.retry_after_s == 7


def test_an_answer_that_is_no_problem_document_is_still_an_error() -> None:
    with pytest.raises(ServerFailed, match="the server answered 502"):
        answering(502, b"<html>bad gateway</html>").gallery()


def test_a_server_that_is_not_there_is_a_connection_failure() -> None:
    with (
        pytest.raises(ConnectionFailed, match="is `rgbir serve` running there"),
        Client("http://127.0.0.1:9") as client,
    ):
        client.gallery()


def test_what_is_sent() -> None:
    seen: list[httpx2.Request] = []

    def record(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json={"removed": 3})

    client = Client(httpx2.Client(base_url="http://server", transport=httpx2.MockTransport(record)))

    assert client.remove(camera="yard", before=datetime(2026, 1, 1, tzinfo=UTC)) == 3
    assert seen[0].method == "DELETE"
    assert dict(seen[0].url.params) == {"camera": "yard", "before": "2026-01-01T00:00:00+00:00"}
