"""One connection: heads of a size and in a time, answers that are taken, and no silence for ever; whoever breaks it is counted.

uvicorn's own protocol has no limit on any of these. What is refused here never becomes a request.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from rgbir.server.http.problems import problem
from rgbir.server.worker import Count, Counts

_LINGERS_S = 5.0
_MOST_DISCARDED = 64 * 1024 * 1024
"""Seconds and bytes for which who was refused and goes on is listened to, so that the answer arrives."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What a peer may take.

    Attributes:
        head_bytes: bytes of a request's line and headers.
        slowest_s: seconds for each step of the peer.
        most: connections at once.
    """

    head_bytes: int = 65_536
    slowest_s: float = 20.0
    most: int = 1024


class Connection(HttpToolsProtocol):
    """A connection that keeps `ConnectionLimits`.

    Args:
        closed: told why a connection was ended: `silent`, `slow head`, `long head`, `slow body`, `slow reader` or `too many`.
        counts: where connections of all workers are counted.
    """

    counted = True
    """Whether it counts as one of `ConnectionLimits.most`."""

    def __init__(
        self, *args: Any, limits: ConnectionLimits, closed: Callable[[str], None], counts: Counts, **more: Any
    ) -> None:
        super().__init__(*args, **more)
        self.limits, self.closed, self.counts = limits, closed, counts
        self._in_head, self._head_bytes, self._in_message, self._said = True, 0, False, False
        self._refused, self._ended, self._discarded, self._unread = False, False, 0, 0
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.counted and self.counts.add(Count.CONNECTIONS) > self.limits.most:
            detail = f"{self.limits.most} connections are open already; come back in a moment"
            self._refuse("too-many-connections", detail, "too many")
        else:
            self._wait("head", self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        for step in list(self._timers):
            self._came(step)
        if self.counted:
            self.counts.add(Count.CONNECTIONS, -1)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            self._discarded += len(data)
            if self._discarded > _MOST_DISCARDED:
                self.transport.close()
            return
        self._said, self._ended = True, False
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self._refused:
            return
        if self._in_head and max(self._head_bytes, self._parsed_bytes()) > self.limits.head_bytes:
            self._too_long()
        elif self._in_head or not (self._in_message or self._ended):  # what comes between messages belongs to the next
            if "head" not in self._timers:
                self._wait("head", self._head_is_late)
        elif self.cycle.response_complete and "rest" not in self._timers:
            self._wait("rest", lambda: self._end("slow body"))  # of a body that was refused

    def on_message_begin(self) -> None:
        self._in_head, self._in_message, self._said, self._head_bytes = True, True, True, 0
        if not self._refused:
            super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head, self._said = False, False
        self._came("head")
        if self._parsed_bytes() > self.limits.head_bytes:
            self._too_long()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_message, self._ended = False, True
        self._came("rest")
        if not self._refused:
            super().on_message_complete()

    def pause_writing(self) -> None:
        self._unread = self.transport.get_write_buffer_size()
        self._wait("reader", self._reader_is_late)
        super().pause_writing()  # type: ignore[no-untyped-call, unused-ignore]

    def resume_writing(self) -> None:
        self._came("reader")
        super().resume_writing()  # type: ignore[no-untyped-call, unused-ignore]

    def _parsed_bytes(self) -> int:
        """Of the head that comes, as far as it is known in parts: without one that is half there."""
        if not self._in_message:
            return 0
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _wait(self, step: str, late: Callable[[], None], most_s: float = math.inf) -> None:
        self._came(step)
        self._timers[step] = self.loop.call_later(min(self.limits.slowest_s, most_s), late)

    def _came(self, step: str) -> None:
        if (timer := self._timers.pop(step, None)) is not None:
            timer.cancel()

    def _head_is_late(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:  # it waits for an answer to a request before it
            self._wait("head", self._head_is_late)
        elif self._said:
            detail = f"the request's head didn't come within {self.limits.slowest_s:g} s; send it again, or from a quicker line"
            self._refuse("too-slow", detail, "slow head")
        else:
            self._end("silent")

    def _reader_is_late(self) -> None:
        """Slow is who took nothing of the answer meanwhile; whoever takes a little goes on."""
        before, self._unread = self._unread, self.transport.get_write_buffer_size()
        if self._unread < before:
            self._wait("reader", self._reader_is_late)
        else:
            self.closed("slow reader")
            self.transport.abort()

    def _too_long(self) -> None:
        most = f"{self.limits.head_bytes:,} bytes"
        if len(getattr(self, "url", b"")) > self.limits.head_bytes // 2:
            self._refuse(
                "url-too-long",
                f"a request's URL and headers may have {most}; send long values as form fields",
                "long head",
            )
        else:
            self._refuse(
                "headers-too-long",
                f"a request's URL and headers may have {most}, this one has more; send fewer",
                "long head",
            )

    def _end(self, why: str) -> None:
        self.closed(why)
        self.transport.close()

    def _refuse(self, code: str, detail: str, why: str) -> None:
        if self.transport.is_closing() or self._refused:
            return
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            self._end(why)  # nothing comes before the answer that is on its way
            return
        answer = problem(code, detail)
        status = answer.status_code
        head = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(), b"connection: close"]
        head += [name + b": " + value for name, value in answer.raw_headers]
        self.transport.write(b"\r\n".join(head) + b"\r\n\r\n" + bytes(answer.body))
        self.closed(why)
        if why == "too many":
            self.transport.close()
            return
        if self.transport.can_write_eof():  # TLS can't
            self.transport.write_eof()
        self._wait("rest", self.transport.close, _LINGERS_S)  # who is still sending would lose the answer by a hard end
