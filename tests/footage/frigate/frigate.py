"""A double of Frigate's HTTP API, with the faults that its users report. It is made after Frigate's source; none runs here.

The list filters by when an event began, newest first, and takes `after` and `before` as strict bounds. A clean snapshot is a PNG up to
0.16 and a WebP from 0.17 on. `GET /api/events/ID/snapshot.jpg` is the stored file, whatever is asked.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Row = dict[str, Any]


@dataclass
class FrigateDouble:
    """What it knows, and how it misbehaves.

    Attributes:
        rows: of its list of events.
        pictures: clean snapshots by event.
        clean: how this version calls them.
        stored: files of snapshot.jpg by event.
        faults: instead of an answer, by a path's last part, or by event.
        token: needed in a header or a cookie, if any; `login` gives it.
        asked: how often each path was asked for.
    """

    rows: list[Row] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)
    clean: str = "snapshot-clean.webp"
    stored: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    token: str | None = None
    login: tuple[str, str] | None = None
    asked: Counter[str] = field(default_factory=Counter)
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[FrigateDouble]:
        """Answers while the block lasts; the port stays the same from the first time on."""
        server = _Server(("127.0.0.1", self.port), _handler(self))
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def listed(self, asked: dict[str, list[str]]) -> list[Row]:
        after, before = float(asked.get("after", ["0"])[0]), float(asked.get("before", ["inf"])[0])
        label, limit = asked.get("label", ["all"])[0], int(asked.get("limit", ["100"])[0])
        rows = [
            row
            for row in self.rows
            if after < row["start_time"] < before
            and label in ("all", row["label"])
            and ("has_snapshot" not in asked or row["has_snapshot"] == bool(int(asked["has_snapshot"][0])))
            and ("in_progress" not in asked or (row["end_time"] is None) == bool(int(asked["in_progress"][0])))
        ]
        return sorted(rows, key=lambda row: -row["start_time"])[:limit]


class _Server(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True


def _handler(double: FrigateDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            double.asked[self.path] += 1
            if self.path == "/api/login" and (sent["user"], sent["password"]) == double.login:
                self.send_response(200)
                self.send_header("Set-Cookie", f"frigate_token={double.token}; HttpOnly; Path=/")
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                answer(self, 401, b"{}")

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            path, asked = parts.path, parse_qs(parts.query)
            double.asked[path] += 1
            pieces = [unquote(piece) for piece in path.split("/")]
            fault = double.faults.get(pieces[-1]) or (double.faults.get(pieces[3]) if len(pieces) > 3 else None)
            if double.token and not (
                self.headers.get("Authorization") == f"Bearer {double.token}"
                or f"frigate_token={double.token}" in self.headers.get("Cookie", "")
            ):
                answer(self, 401, b"")
            elif fault is not None:
                fault(self)
            elif path == "/api/version":
                answer(self, 200, b"0.17.0-double", "text/plain")
            elif path == "/api/events":
                double.queries.append(asked)
                answer(self, 200, json.dumps(double.listed(asked)).encode())
            elif len(pieces) == 5 and pieces[4] == double.clean and pieces[3] in double.pictures:
                answer(self, 200, double.pictures[pieces[3]], "image/webp")
            elif len(pieces) == 5 and pieces[4] == "snapshot.jpg" and pieces[3] in double.stored:
                answer(self, 200, double.stored[pieces[3]], "image/jpeg")
            else:
                answer(self, 404, b'{"success": false, "message": "Event not found"}')

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def answer(request: BaseHTTPRequestHandler, status: int, body: bytes, kind: str = "application/json") -> None:
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def status(number: int) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda request: answer(request, number, b"{}")


def body(content: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda request: answer(request, 200, content)


def redirect(url: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", url)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return send


def endless(request: BaseHTTPRequestHandler) -> None:
    """A body that doesn't end."""
    request.send_response(200)
    request.end_headers()
    try:
        while True:
            request.wfile.write(bytes(1024 * 1024))
    except OSError:
        pass


def drop(request: BaseHTTPRequestHandler) -> None:
    """Half an answer, and then the connection is gone."""
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b"half")
    request.close_connection = True


def slowly(times: int) -> Callable[[BaseHTTPRequestHandler], None]:
    """503 so many times, then as if nothing had been."""
    left = [times]

    def send(request: BaseHTTPRequestHandler) -> None:
        left[0] -= 1
        time.sleep(0)
        answer(request, 503 if left[0] >= 0 else 404, b"{}")

    return send
