"""What every request and every answer goes through: a limit on bodies, and headers that keep browsers careful."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rgbir.server.errors import TooLarge, TooSlow
from rgbir.server.http.problems import problem

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
    " media-src blob:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


LEAST_RATE = 4096
"""Bytes a second that a body must bring, after a first while."""


MOST_LARGE = 2
"""Bodies at once on the paths that take larger ones."""


class SecurityHeaders:
    """ASGI middleware: `HEADERS` on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, guarded if scope["type"] == "http" else send)


class HeadAsGet:
    """ASGI middleware: HEAD is answered wherever GET is, as RFC 9110 has it: the same without a body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self.app({**scope, "method": "GET"}, receive, without_body)


class BodyLimit:
    """ASGI middleware: 413 for a body of more than `max_bytes`, announced or not; it is counted as it comes.

    Args:
        larger: most bytes by path, where more is taken.
        slowest_s: seconds that a piece of a body may take to come, and the whole of it beyond a second for each
            `LEAST_RATE` bytes; 408 after it.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int, larger: Mapping[str, int] | None = None, slowest_s: float = 20.0
    ) -> None:
        self.app, self.max_bytes, self.larger, self.slowest_s = app, max_bytes, larger or {}, slowest_s
        self.large_ones = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most = self.larger.get(scope["path"], self.max_bytes)
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and (len(announced) > 18 or int(announced) > most):
            size = f"{int(announced):,} bytes" if len(announced) <= 18 else "more"
            await problem("too-large", self._detail(most, size))(scope, receive, send)
            return
        large = scope["path"] in self.larger
        if large and self.large_ones >= MOST_LARGE:
            detail = f"{MOST_LARGE} large bodies are being received already; come back when one is there"
            await problem("too-busy", detail, {"Retry-After": "5"})(scope, receive, send)
            return
        self.large_ones += large
        try:
            await self._received(scope, receive, send, most)
        finally:
            self.large_ones -= large

    async def _received(self, scope: Scope, receive: Receive, send: Send, most: int) -> None:
        came, answered, complete, waited = 0, False, False, 0.0
        refused: tuple[str, str] | None = None

        async def counted() -> Message:
            nonlocal came, complete, refused, waited
            if complete:
                return await receive()
            owed = self.slowest_s + came / LEAST_RATE - waited
            begun = time.monotonic()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, min(self.slowest_s, owed)))
                waited += time.monotonic() - begun  # for the peer; the time that we take with it isn't counted
            except TimeoutError:
                detail = (
                    f"a body comes with {LEAST_RATE:,} bytes a second at least and no pause of {self.slowest_s:g} s, this one"
                    f" with {came:,} bytes in {waited + time.monotonic() - begun:.0f} s; send it again, or from a quicker line"
                )
                refused = ("too-slow", detail)
                raise TooSlow(detail) from None
            complete = not message.get("more_body", False)
            came += len(message.get("body", b""))
            if came > most:
                refused = ("too-large", self._detail(most, "more"))
                raise TooLarge(refused[1])
            return message

        async def watched(message: Message) -> None:
            """Whatever the application makes of an interrupted body, the answer is this one."""
            nonlocal answered
            if refused is None:
                await send(message)
            elif not answered:
                answered = True
                await problem(*refused)(scope, receive, send)

        try:
            await self.app(scope, counted, watched)
        except (TooLarge, TooSlow):
            if refused is not None and not answered:
                await problem(*refused)(scope, receive, send)

    def _detail(self, most: int, came: str) -> str:
        return f"a request may have {most:,} bytes here, this one has {came}; send fewer or smaller images, or shorter films"
