"""The client alone: requests, errors, and a server that isn't there."""

from __future__ import annotations

import asyncio
import json
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from rgbir.client import (
    Answered,
    AsyncClient,
    Busy,
    Client,
    ClientError,
    Conflict,
    ConnectionFailed,
    Forbidden,
    NotFound,
    Refused,
    SearchResponse,
    ServerFailed,
    Unprocessable,
)
from rgbir.client.cli import app
from rgbir.client.commands import _shown
from rgbir.client.output import show


def answering(status: int, body: bytes = b"{}", headers: dict[str, str] | None = None) -> Client:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(status, content=body, headers=headers))
    return Client(httpx2.Client(base_url="http://server", transport=transport), retries=0)


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [(400, Unprocessable, 2), (401, Forbidden, 2), (403, Forbidden, 2), (404, NotFound, 2), (409, Conflict, 1), (413, Unprocessable, 2), (422, Unprocessable, 2), (429, Busy, 1), (500, ServerFailed, 1), (503, Busy, 1)],
)  # fmt: skip
def test_each_problem_is_the_exception_for_what_one_can_do(status: int, error: type[ClientError], code: int) -> None:
    with (
        pytest.raises(error, match="because") as caught,
        answering(status, json.dumps({"detail": "because"}).encode()) as client,
    ):
        client.gallery()
    assert type(caught.value) is error
    assert caught.value.exit_code == code


@pytest.mark.parametrize("status", [409, 429])
def test_a_busy_server_says_when_to_come_back(status: int) -> None:
    with pytest.raises(Busy) as caught:
        answering(status, headers={"Retry-After": "7"}).gallery()
    assert caught.value.retry_after_s == 7


def test_an_answer_that_is_no_problem_document_is_still_an_error() -> None:
    with pytest.raises(ServerFailed, match="the server answered 502"):
        answering(502, b"<html>bad gateway</html>").gallery()


def test_an_error_has_the_code_and_the_request_s_id_in_its_text() -> None:
    problem = {"detail": "because", "code": "bad-image", "request_id": "r7"}
    with pytest.raises(Unprocessable) as caught:
        answering(422, json.dumps(problem).encode(), {"X-Request-Id": "another"}).gallery()
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        assert str(error) == "because (bad-image, request r7)"
        assert (error.code, error.request_id, error.detail, error.status) == ("bad-image", "r7", "because", 422)

    with pytest.raises(ServerFailed) as of_a_proxy:
        answering(502, b"<html>", {"X-Request-Id": "r8"}).gallery()
    assert (of_a_proxy.value.code, of_a_proxy.value.request_id) == (None, "r8")
    assert str(of_a_proxy.value) == "the server answered 502 (request r8)"
    with pytest.raises(NotFound) as nameless:
        answering(404, b'{"detail": "none", "code": 7}').gallery()
    assert (str(nameless.value), nameless.value.code) == ("none", None)


@pytest.mark.slow
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


class Moody:
    """Fails so many times, then answers."""

    def __init__(self, *failures: int | type[Exception]) -> None:
        self.failures, self.asked = list(failures), 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        if not self.failures:
            return httpx2.Response(200, json={"removed": 3})
        failure = self.failures.pop(0)
        if isinstance(failure, int):
            return httpx2.Response(failure, json={"detail": "not now"}, headers={"Retry-After": "0"})
        raise failure("gone")


@pytest.mark.parametrize(
    ("failures", "retries", "asked", "error"),
    [
        ((429, 503), 2, 3, None),
        ((httpx2.ConnectError,), 1, 2, None),
        ((409, 409, 409), 2, 3, Busy),
        ((httpx2.ConnectError, httpx2.ReadTimeout), 1, 2, ConnectionFailed),
        ((422,), 5, 1, Unprocessable),
        ((500,), 5, 1, ServerFailed),
        ((429,), 0, 1, Busy),
    ],
)
def test_what_may_pass_is_asked_again_and_nothing_else(
    failures: tuple[Any, ...], retries: int, asked: int, error: type[ClientError] | None
) -> None:
    for awaited in (False, True):
        server = Moody(*failures)
        transport = httpx2.MockTransport(server)

        def ask(server: Moody = server, transport: Any = transport, awaited: bool = awaited) -> int:
            if not awaited:
                with Client(httpx2.Client(base_url="http://s", transport=transport), retries=retries) as client:
                    return client.remove(camera="1")

            async def run() -> int:
                http = httpx2.AsyncClient(base_url="http://s", transport=transport)
                async with AsyncClient(http, retries=retries) as client:
                    return await client.remove(camera="1")

            return asyncio.run(run())

        if error is None:
            assert ask() == 3
        else:
            with pytest.raises(error):
                ask()
        assert server.asked == asked


def test_both_clients_have_the_same_methods_and_their_help() -> None:
    methods = {name for name in vars(Client) if not name.startswith("_")} - {"close", "ready"}
    assert methods == {name for name in vars(AsyncClient) if not name.startswith("_")} - {"close", "ready"}
    for name in methods:
        assert getattr(Client, name).__doc__ == getattr(AsyncClient, name).__doc__ is not None
    assert "retries: how often to ask again" in (Client.__doc__ or "")
    assert (AsyncClient.__doc__ or "").startswith("`Client` with methods to await")


def test_many_images_go_in_requests_of_neighbours() -> None:
    requests: list[tuple[str, int]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        body = request.read()
        images = body.count(b'name="images"')
        requests.append((body.split(b'name="camera"')[1].split(b"\r\n")[2].decode(), images))
        return httpx2.Response(200, json={"results": [{"name": "x", "status": "added", "id": "1"}] * images})

    client = Client(httpx2.Client(base_url="http://s", transport=httpx2.MockTransport(answer)))
    items = [(b"image", {"camera": camera}) for camera in "aaaaabba"]
    assert len(list(client.enrol_all(items, together=3))) == 8
    assert requests == [("a", 3), ("a", 2), ("b", 2), ("a", 1)]

    async def awaited() -> int:
        http = httpx2.AsyncClient(base_url="http://s", transport=httpx2.MockTransport(answer))
        async with AsyncClient(http) as other:
            return len([each async for each in other.enrol_all(items, together=3)])

    requests.clear()
    assert asyncio.run(awaited()) == 8
    assert requests == [("a", 3), ("a", 2), ("b", 2), ("a", 1)]


def test_ids_are_one_segment_of_a_path_whatever_is_in_them() -> None:
    seen: list[str] = []

    def record(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.raw_path.decode())
        return httpx2.Response(404, json={"detail": "none"})

    client = Client(httpx2.Client(base_url="http://server", transport=httpx2.MockTransport(record)), retries=0)
    odd = "../a/b?c#d e"
    for call in (client.sighting, client.image, client.remove, client.erase, client.job, client.cancel_job):
        with pytest.raises(NotFound):
            call(odd)
    assert all(path.endswith(("..%2Fa%2Fb%3Fc%23d%20e", "..%2Fa%2Fb%3Fc%23d%20e/image")) for path in seen), seen


def test_what_the_server_failed_at_was_not_refused() -> None:
    with pytest.raises(ServerFailed) as caught:
        answering(500, b'{"detail": "because"}').gallery()
    assert not isinstance(caught.value, Refused)
    assert isinstance(caught.value, Answered)
    assert caught.value.status == 500


def test_the_command_line_tells_all_that_an_answer_says(capsys: pytest.CaptureFixture[str]) -> None:
    answer = SearchResponse.model_validate(
        {
            "query": {"camera": "3", "modality": "ir", "place": "yard", "shots": 1},
            "searched_cameras": ["1"],
            "excluded_cameras": [{"camera": "2", "reason": "same place"}],
            "hits": [
                {
                    "rank": 1, "id": "a", "camera": "1", "distance": 1.0, "score": 0.5,
                    "meaning": {"probability": 0.81, "false_accept_rate": 0.01, "strangers": 2.5},
                }
            ],
            "model": {"name": "m", "fingerprint": "f"}, "generation": 1, "exact": False, "milliseconds": {},
            "warnings": ["the image is blurred"], "doubtful": True,
        }
    )  # fmt: skip
    show(_shown(answer))
    output = capsys.readouterr().out
    for line in ("warning: the image is blurred", "doubtful: ", "approximate: ", "hit 1: 81% likely", "2.5 strangers"):
        assert line in output
    show(_shown(answer.model_copy(update={"exact": True, "doubtful": None, "warnings": [], "hits": []})))
    assert "warning" not in capsys.readouterr().out


def test_a_search_of_a_gallery_here_refuses_what_is_a_server_s(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    here = ["search", str(tmp_path / "a.jpg"), "--camera", "3", "--gallery", "g", "--bundle", "b"]
    for option in ("--purpose", "--case", "--key", "--ca"):
        result = CliRunner().invoke(app, [*here, option, "x"])
        assert (result.exit_code, option in result.output) == (2, True)
    like = CliRunner().invoke(app, ["search", "--like", "a", "--camera", "3", "--url", "http://127.0.0.1:9"])
    assert (like.exit_code, "leave it out" in like.output.replace("\n", " ")) == (2, True)
