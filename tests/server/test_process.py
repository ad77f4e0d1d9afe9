"""A server as a process: it finishes what it took when it is asked to end, and doesn't wait for bodies that don't come."""

from __future__ import annotations

import asyncio
import gzip
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.server.processes import process
from tests.waiting import HANGS_AFTER_S, reached

from rgbir.client import AsyncClient, Client
from rgbir.index import Gallery, SysuMM01


def accepted(port: int) -> float:
    """Searches that are being answered or were."""
    text = httpx2.get(f"http://127.0.0.1:{port}/metrics").text
    samples = [
        line.rsplit(" ", 1)
        for line in text.splitlines()
        if line.startswith(("rgbir_requests_in_flight ", "rgbir_requests_total{"))
    ]
    return sum(float(value) for name, value in samples if "in_flight" in name or 'route="/search"' in name)


@pytest.mark.slow
def test_what_was_accepted_is_answered_before_the_server_ends(gallery: Gallery, people: SysuMM01) -> None:
    image = next(people.records("test", (3,))).path.read_bytes()
    with process(gallery.folder) as (server, port):

        async def run() -> list[int]:
            async with AsyncClient(f"http://127.0.0.1:{port}", retries=0) as client:
                asked = [asyncio.create_task(client.search([image] * 8, camera="3")) for _ in range(12)]
                await reached(lambda: accepted(port) >= 12, "every request")
                server.send_signal(signal.SIGTERM)
                return [len(answer.hits) for answer in await asyncio.gather(*asked)]

        assert asyncio.run(run()) == [10] * 12
        assert server.wait(HANGS_AFTER_S) in (0, -signal.SIGTERM)


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.slow
def test_a_body_that_does_not_come_is_not_waited_for(gallery: Gallery, announced: bool) -> None:
    with process(gallery.folder, ", slowest_s=0.5") as (_, port):
        with socket.create_connection(("127.0.0.1", port), timeout=HANGS_AFTER_S) as slow:
            length = "Content-Length: 5000" if announced else "Transfer-Encoding: chunked"
            kind = "Content-Type: multipart/form-data; boundary=x"
            slow.sendall(f"POST /search HTTP/1.1\r\nHost: localhost\r\n{kind}\r\n{length}\r\n\r\n".encode())
            answer = slow.recv(4096).decode()
        assert answer.startswith("HTTP/1.1 408 "), answer
        with Client(f"http://127.0.0.1:{port}") as client:
            assert client.ready()


@pytest.mark.slow
def test_paths_and_headers_lead_nowhere_else(gallery: Gallery) -> None:
    with process(gallery.folder) as (_, port):
        for path in ("/page/../settings.py", "/page/..%2f..%2fsettings.py", "/samples/..%2f..%2fetc%2fpasswd", "//etc/passwd",
                     "/gallery/sightings/..%2f..%2fx/image", "/page/%00", "/page/page.js%0d%0aX-Evil: 1"):  # fmt: skip
            with socket.create_connection(("127.0.0.1", port), timeout=HANGS_AFTER_S) as raw:
                raw.sendall(
                    f"GET {path.replace(' ', '%20')} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a%0d%0aSet-Cookie: x\r\nConnection: close\r\n\r\n".encode()
                )
                answer = b"".join(iter(lambda raw=raw: raw.recv(65536), b"")).decode(errors="replace")  # type: ignore[misc]
            head = answer.partition("\r\n\r\n")[0].lower()
            assert head.split()[1] in ("400", "404"), (path, answer[:200])
            assert "set-cookie" not in head
            assert "x-evil" not in head
            assert "root:" not in answer


class Collector(BaseHTTPRequestHandler):
    """Takes spans as OpenTelemetry's collector does."""

    seen: ClassVar[list[tuple[str, str, str]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        sent = ExportTraceServiceRequest.FromString(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
        for spans in (spans_of_scope for resource in sent.resource_spans for spans_of_scope in resource.scope_spans):
            self.seen.extend((span.name, span.trace_id.hex(), span.parent_span_id.hex()) for span in spans.spans)
        assert b"a secret purpose" not in body
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.slow
def test_a_trace_has_the_stages_of_a_search(gallery: Gallery, people: SysuMM01) -> None:
    image = next(people.records("test", (3,))).path
    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}"}
        with process(gallery.folder, ", traces=True", endpoint) as (server, port):
            with Client(f"http://127.0.0.1:{port}") as client:
                client.search(image, camera="3", purpose="a secret purpose")
            server.send_signal(signal.SIGTERM)
            server.wait(HANGS_AFTER_S)
        collector.shutdown()

    (root,) = [span for span in Collector.seen if span[0] == "POST /search"]
    stages = [span for span in Collector.seen if span[1] == root[1] and span is not root]
    assert [name for name, *_ in stages] == ["decode", "encode", "search"]
    assert root[2] == ""
