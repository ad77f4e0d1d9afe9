"""What one worker of a server asks of another: requests that the leading one answers, and what all must have seen before an answer.

Workers listen to each other on sockets in a folder that only this account may enter. A request that is passed on is judged again
there, by the same key. Nothing that comes over the network reaches what is marked as `INNER`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx2
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rgbir.server.engine.engine import Engine
from rgbir.server.errors import ClientGone, TooBusy
from rgbir.server.http.connection import Connection
from rgbir.server.http.door import ROUTE
from rgbir.server.http.problems import REQUEST_ID, answer
from rgbir.server.worker import PASSED_ON, Worker

LOOK = "/workers/look"
INNER = "rgbir.inner"
_PASSED_ON = (b"rgbir-passed-on", b"1")
LED = ("/gallery/jobs", "/gallery/footage")
"""Paths that the leading worker answers: what they are about is in its memory."""
WAITS_S, AGAIN_S, LOOKS_S = 30.0, 0.02, 10.0
"""Seconds to wait for a leading worker, between two tries, and for another to have looked."""
_HOPS = (b"connection", b"keep-alive", b"transfer-encoding", b"x-request-id")
_PRINTABLE = bytes(range(0x21, 0x7F))
_log = logging.getLogger(__name__)


class Inner(Connection):
    """A connection from another worker."""

    counted = False

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._refused:
            self.scope[INNER] = True  # type: ignore[literal-required]

    def on_headers_complete(self) -> None:
        self.scope[PASSED_ON] = _PASSED_ON in self.headers  # type: ignore[literal-required]
        super().on_headers_complete()


class Colleagues:
    """ASGI middleware: answers what other workers ask, and holds the answer to a change back until they all have seen it."""

    def __init__(self, app: ASGIApp, worker: Worker) -> None:
        self.app, self.worker = app, worker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self.worker.alone:
            await self.app(scope, receive, send)
        elif scope.get(INNER) and not scope[PASSED_ON] and scope["path"] == LOOK:
            engine: Engine = scope["app"].state.engine
            await engine.look(lambda: engine.gallery.generation)
            await Response(status_code=204)(scope, receive, send)
        elif _changes(scope):
            await self.app(scope, receive, self._after_all_looked(send))
        else:
            await self.app(scope, receive, send)

    def _after_all_looked(self, send: Send) -> Send:
        async def later(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                await asyncio.gather(*(ask(path, LOOK) for path in self.worker.others()))
            await send(message)

        return later


def _as_it_came(scope: Scope) -> bytes:
    """The path and the query as they were written."""
    path, query = scope["raw_path"], scope["query_string"]
    return quote(path + b"?" + query if query else path, safe=_PRINTABLE).encode()


def _changes(scope: Scope) -> bool:
    """Whether a request may erase somebody, or change a camera."""
    path: str = scope["path"]
    return (scope["method"] == "DELETE" and path.startswith("/gallery/sightings")) or (
        scope["method"] != "GET" and path.startswith(("/cameras", "/erasures"))
    )


async def ask(path: Path, what: str) -> bool:
    """Asks another worker for something; False if it doesn't do it, because it has died, say. Who follows it opens what is there then."""
    try:
        async with asyncio.timeout(LOOKS_S):
            reader, writer = await asyncio.open_unix_connection(str(path))
            try:
                writer.write(f"POST {what} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
                head = await reader.readline()
            finally:
                writer.close()
    except OSError as error:  # of time, too
        if path.exists():
            _log.warning("worker %s doesn't answer: %s", path.stem, error)
        return False
    if head.split(b" ")[1:2] == [b"204"]:
        return True
    if path.exists():
        _log.warning("worker %s was asked for %s, and answers %r", path.stem, what, head.decode("latin-1").strip())
    return False


class Relay:
    """ASGI middleware: passes to the leading worker what that one answers, as it comes, and back as it comes."""

    def __init__(self, app: ASGIApp, worker: Worker) -> None:
        self.app, self.worker = app, worker
        self._client: httpx2.AsyncClient | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self.worker.leads or not scope["path"].startswith(LED):
            await self.app(scope, receive, send)
        elif scope.get(PASSED_ON):  # it led a moment ago
            await answer(TooBusy("another worker leads now; try again in a moment"))(scope, receive, send)
        else:
            await self._pass_on(scope, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun, until = False, asyncio.get_running_loop().time() + WAITS_S

        async def body() -> AsyncIterator[bytes]:
            nonlocal begun
            begun, more = True, True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone("whoever sent it left")
                more = message.get("more_body", False)
                yield message.get("body", b"")

        target = {"target": _as_it_came(scope)}  # a URL would be made simpler: `..` is another path there
        headers = [(name, value) for name, value in scope["headers"] if name not in _HOPS]
        headers += [(b"x-request-id", scope[REQUEST_ID].encode()), (b"connection", b"close"), _PASSED_ON]
        has_body = any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
        while True:
            content = body() if has_body else None
            request = self._asked().build_request(
                scope["method"], "http://localhost/", headers=headers, content=content, extensions=target
            )
            try:
                response = await self._asked().send(request, stream=True)
                break
            except httpx2.TransportError as error:
                led = isinstance(error, httpx2.ConnectError) or (scope["method"] == "GET" and not begun)
                led = led and not isinstance(error, httpx2.LocalProtocolError)
                if not led or asyncio.get_running_loop().time() > until:
                    _log.error("the leading worker ended while it answered: %s", error)
                    busy = TooBusy("the worker that does this ended just now, and another follows it; ask again")
                    await answer(busy)(scope, receive, send)
                    return
                await asyncio.sleep(AGAIN_S)
        scope["route"] = scope.get(ROUTE)
        try:
            kept = [(name, value) for name, value in response.headers.raw if name.lower() not in _HOPS]
            await send({"type": "http.response.start", "status": response.status_code, "headers": kept})
            async for piece in response.aiter_raw():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await response.aclose()

    def _asked(self) -> httpx2.AsyncClient:
        """Connects anew for each request, as another worker may lead by then."""
        if self._client is None:
            transport = httpx2.AsyncHTTPTransport(
                verify=False, uds=str(self.worker.there / "lead"), limits=httpx2.Limits(max_keepalive_connections=0)
            )
            self._client = httpx2.AsyncClient(transport=transport, timeout=None, trust_env=False)
        return self._client
