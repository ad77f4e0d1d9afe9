"""Who gets in: keys, hosts, pages, heads and bodies, with real connections."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.conftest import BUNDLE
from tests.site.server import Server, Site
from tests.waiting import HANGS_AFTER_S, until

from rgbir.index import CameraNetwork, Encoder, Gallery, SysuMM01
from rgbir.server import Settings, create_app
from rgbir.server.errors import BadSettings
from rgbir.server.http.connection import Connection, ConnectionLimits
from rgbir.server.http.door import host_of

FORM = b"Content-Type: multipart/form-data; boundary=X\r\n"
PART = b'--X\r\nContent-Disposition: form-data; name="archive"; filename="a.zip"\r\n\r\n'


@pytest.fixture
def site(tmp_path: Path, gallery: Gallery) -> Site:
    gallery.close()
    return Site(tmp_path)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Iterator[Server]:
    """One that waits no more than a second for anything."""
    root = tmp_path_factory.mktemp("door")
    Gallery.open_or_create(root / "gallery", encoder.card, CameraNetwork.read("sysu-mm01")).close()
    (root / "tmp").mkdir()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TMPDIR", str(root / "tmp"))
        site = Site(root)
        with site.server(slowest_s=1, ending_s=2, max_head_bytes=20_000, max_connections=40) as started:
            yield started


def connected(server: Server) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", server.port))
    made.settimeout(HANGS_AFTER_S)
    return made


def answer(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    content = b""
    try:
        while piece := connection.recv(65_536):
            content += piece
    except ConnectionResetError:
        pass
    return content


def held_on_disk(server: Server) -> int:
    """Bytes of the files that the process has open and nobody can see."""
    total = 0
    folder = Path(f"/proc/{server.process.pid}/fd")
    for file in folder.iterdir():
        try:
            if os.readlink(file).startswith(str(server.site.root / "tmp")):
                total += file.stat().st_size
        except OSError:
            continue
    return total


@pytest.mark.slow
def test_no_byte_of_a_body_is_taken_before_its_key_is_known(server: Server) -> None:
    for headers in (b"", b"Authorization: Bearer rgbir_guess\r\n"):
        with connected(server) as connection:
            connection.sendall(
                b"POST /gallery/jobs HTTP/1.1\r\nHost: x\r\n"
                + FORM
                + headers
                + b"Content-Length: 400000000\r\n\r\n"
                + PART
            )
            assert connection.recv(30).startswith(b"HTTP/1.1 401 ")  # before anything else was sent
            try:
                for _ in range(60):
                    connection.sendall(b"z" * (1 << 20))
            except OSError:
                pass
            assert held_on_disk(server) == 0


@pytest.mark.slow
def test_a_client_that_waits_for_leave_to_send_hears_the_refusal_instead(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(
            b"POST /search HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + FORM + b"Content-Length: 1000\r\n\r\n"
        )
        assert connection.recv(30).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(4_000)), b"431"),
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 4_000_000, b"431"),
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", b"431"),
        (b"GET /" + b"a" * 19_999 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
        (b"GET /" + b"a" * 16_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"4"),
    ],
)  # fmt: skip
def test_long_heads_are_refused_and_not_kept(server: Server, head: bytes, status: bytes) -> None:
    before, ended = memory(server), closed(server, "long head")
    with connected(server) as connection:
        try:
            for start in range(0, len(head), 65_536):
                connection.sendall(head[start : start + 65_536])
        except OSError:  # it has had enough
            pass
        response = answer(connection)
    assert response.startswith(b"HTTP/1.1 " + status), response[:200]
    assert {b"431": b'"code":"headers-too-long"', b"414": b'"code":"url-too-long"', b"4": b"-too-long"}[
        status
    ] in response
    assert memory(server) - before < 32
    until(lambda: closed(server, "long head") == ended + 1, "the count")


def memory(server: Server) -> int:
    """MiB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) // 1024


def closed(server: Server, reason: str) -> int:
    """Connections that the server has ended for that reason so far."""
    line = f'rgbir_connections_closed_total{{reason="{reason}"}} '
    lines = server.http.get("/metrics").text.splitlines()
    return int(float(next((sample.removeprefix(line) for sample in lines if sample.startswith(line)), "0")))


@pytest.mark.parametrize(
    ("sent", "status", "reason"),
    [
        (b"", b"", "silent"),
        (b"GET /health/live HTTP/1.1\r\nHo", b"408", "slow head"),
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\nGET /health/live HTTP/1.1\r\nHo", b"200", "slow head"),
        (b"\r\n", b"408", "slow head"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_who_begins_and_falls_silent_is_not_waited_for(server: Server, sent: bytes, status: bytes, reason: str) -> None:
    before = closed(server, reason)
    with connected(server) as connection:
        connection.sendall(sent)
        response = answer(connection)
    assert response.startswith(b"HTTP/1.1 " + status if status else b"")
    assert status or not response
    assert closed(server, reason) == before + 1


def test_a_head_that_trickles_is_ended_although_it_is_never_silent(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nX-A: ")
        connection.settimeout(0.1)
        begun = time.monotonic()
        while time.monotonic() - begun < HANGS_AFTER_S:
            try:
                connection.sendall(b"a")
                if connection.recv(20).startswith(b"HTTP/1.1 408"):
                    return
            except TimeoutError:
                continue
            except OSError:
                return
    pytest.fail("it is still waited for")


def search_of(server: Server, length: int) -> bytes:
    head = f"POST /search HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\nContent-Length: {length}\r\n"
    return head.encode() + FORM + b"\r\n--X\r\n"


@pytest.mark.slow
def test_a_body_that_trickles_is_ended_and_told_why(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(search_of(server, 1_000_000))
        connection.settimeout(0.2)
        response, begun = b"", time.monotonic()
        while b"\r\n\r\n" not in response and time.monotonic() - begun < HANGS_AFTER_S:
            try:
                connection.sendall(b"a")
                response += connection.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break
    assert response.startswith(b"HTTP/1.1 408 ")


@pytest.mark.slow
def test_sigterm_ends_in_its_time_whatever_trickles(site: Site) -> None:
    with (
        site.server(slowest_s=100, ending_s=2) as server,
        connected(server) as head,
        connected(server) as body,
        connected(server) as silent,
    ):
        head.sendall(b"GET /health/live HTTP/1.1\r\nHo")
        body.sendall(search_of(server, 1_000_000))
        silent.sendall(b"")
        time.sleep(0.1)
        server.process.terminate()
        server.process.wait(HANGS_AFTER_S)
    assert server.process.returncode in (0, -15)


def test_connections_past_the_most_are_refused_and_those_before_go_on(server: Server) -> None:
    connections = [connected(server) for _ in range(45)]
    try:
        refused = [connection for connection in connections[41:] if answer(connection).startswith(b"HTTP/1.1 503 ")]
        assert refused
        connections[0].sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connections[0].recv(20).startswith(b"HTTP/1.1 200")
    finally:
        for connection in connections:
            connection.close()
    until(lambda: server.ready()[0] == 200, "a place")
    assert closed(server, "too many") >= len(refused)


def test_requests_on_one_connection_and_in_one_piece_are_answered_as_ever(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(
            b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 9
            + b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        assert answer(connection).count(b"HTTP/1.1 200 OK") == 10


@pytest.mark.slow
def test_who_never_reads_an_answer_is_ended(server: Server) -> None:
    before = closed(server, "slow reader")
    with connected(server) as connection:
        connection.settimeout(0.2)
        try:
            for _ in range(20_000):  # more answers than the system holds for who doesn't read
                connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
        except OSError:
            pass
        until(lambda: closed(server, "slow reader") == before + 1, "the end")


def test_who_reads_slowly_is_waited_for_as_long_as_something_is_taken() -> None:
    """By a transport and a loop of our own: no clock plays a part."""
    left, late, ended = iter([1000, 900, 850, 850]), list[Any](), list[str]()
    connection: Any = object.__new__(Connection)
    connection.limits, connection.closed, connection._timers = ConnectionLimits(), ended.append, {}

    def call_later(_: float, call: Any) -> SimpleNamespace:
        late.append(call)
        return SimpleNamespace(cancel=lambda: None)

    connection.loop = SimpleNamespace(call_later=call_later)
    connection.flow = SimpleNamespace(pause_writing=lambda: None)
    connection.transport = SimpleNamespace(get_write_buffer_size=lambda: next(left), abort=lambda: ended.append("cut"))

    connection.pause_writing()
    late[-1]()
    late[-1]()
    assert ended == []
    late[-1]()
    assert ended == ["slow reader", "cut"]


# --- hosts and pages


def page(gallery: Gallery, settings: Settings | None = None) -> TestClient:
    return TestClient(create_app(settings or Settings(gallery.folder, BUNDLE, threads=1)), base_url="http://127.0.0.1")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8077", 200), ("localhost", 200), ("LOCALHOST:8077", 200), ("[::1]:8077", 200), ("127.1.2.3", 200),
        ("evil.example", 421), ("evil.example:8077", 421), ("10.0.0.1", 421), ("localhost.evil.example", 421), ("", 421),
        ("127.0.0.1.evil.example", 421),
    ],
)  # fmt: skip
def test_a_server_without_keys_answers_to_its_machine_s_own_names(gallery: Gallery, host: str, status: int) -> None:
    with page(gallery) as http:
        for path in ("/gallery", "/", "/openapi.json", "/samples"):
            assert http.get(path, headers={"Host": host}).status_code == status, path
        assert http.get("/health/live", headers={"Host": host}).status_code == 200


def test_an_open_server_answers_to_addresses_and_to_names_that_it_was_given(gallery: Gallery) -> None:
    settings = Settings(gallery.folder, BUNDLE, host="0.0.0.0", open_to_all=True, threads=1, host_names=("search.lab",))
    with page(gallery, settings) as http:
        statuses = {host: http.get("/gallery", headers={"Host": host}).status_code for host in
                ("10.0.0.1:8077", "[fd00::1]", "search.lab:80", "SEARCH.lab", "evil.example")}  # fmt: skip
    assert statuses == {
        "10.0.0.1:8077": 200,
        "[fd00::1]": 200,
        "search.lab:80": 200,
        "SEARCH.lab": 200,
        "evil.example": 421,
    }


def test_with_keys_the_names_are_kept_to_where_there_are_some(site: Site) -> None:
    settings = Settings(site.gallery, site.bundle, threads=1, keys=site.keys)
    bearer = {"Authorization": f"Bearer {site.token}"}
    for names, status in (((), 200), (("search.lab",), 421)):
        with TestClient(create_app(replace(settings, host_names=names)), base_url="http://127.0.0.1") as http:
            assert http.get("/gallery", headers={"Host": "other.lab", **bearer}).status_code == status
            assert http.get("/gallery", headers={"Host": "search.lab", **bearer}).status_code == 200


FOREIGN = [
    {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://["}, {"Origin": ""}, {"Origin": "http://127.0.0.1:9999"},
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "cross-site"},
]  # fmt: skip


@pytest.mark.parametrize("headers", FOREIGN)
def test_another_site_s_page_can_do_nothing_with_a_server_without_keys(
    gallery: Gallery, people: SysuMM01, headers: dict[str, str]
) -> None:
    picture, before = next(people.records("test", (1,))).path.read_bytes(), len(gallery)
    with page(gallery) as http:
        form: dict[str, Any] = {"files": [("images", picture + b"x")], "data": {"camera": "1"}}
        assert http.post("/gallery/sightings", headers=headers, **form).status_code == 403
        assert http.delete("/gallery/sightings", headers=headers, params={"camera": "1"}).status_code == 403
        assert http.get("/gallery", headers=headers).status_code == 403
        assert http.get("/gallery", headers={"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}).is_success
        link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        assert http.get("/", headers=link).status_code == 200
        assert http.get("/gallery", headers=link).status_code == 403
    assert len(gallery) == before


def test_nothing_tells_a_browser_that_another_site_may_read(gallery: Gallery) -> None:
    with page(gallery) as http:
        for method in ("GET", "OPTIONS", "POST"):
            answered = http.request(method, "/gallery", headers={"Origin": "http://evil.example"})
            assert not [name for name in answered.headers if name.lower().startswith("access-control")]


def test_names_and_proxies_that_are_none_are_refused(gallery: Gallery) -> None:
    for more in ({"host_names": ("http://x",)}, {"host_names": ("A",)}, {"trusted_proxies": ("proxy",)}):
        with pytest.raises(BadSettings, match=r"--host-name|--trusted-proxy"):
            Settings(gallery.folder, BUNDLE, **more)  # type: ignore[arg-type]
    assert [host_of(host) for host in ("A:1", "[::1]:8", "x", "", "a.b")] == ["a", "::1", "x", "", "a.b"]


@pytest.mark.slow
def test_forwarded_addresses_are_believed_from_trusted_proxies_only(site: Site) -> None:
    sent = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "9.9.9.9"}
    with site.server() as server:
        assert forwarded(server, sent) == "http"
    with site.server(trusted_proxy="127.0.0.0/8") as server:
        assert forwarded(server, sent) == "https"


def forwarded(server: Server, headers: dict[str, str]) -> str:
    """The scheme that the server goes by: of the address it sends somebody to who asked with a slash too many."""
    return server.http.get("/gallery/", headers=headers, follow_redirects=False).headers["location"].partition(":")[0]
