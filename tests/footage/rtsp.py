"""A camera that speaks RTSP: H.264 over the connection itself (RFC 2326, 10.12; RFC 6184), with digest or basic authentication, that can drop it.

`tests/footage/test_rtsp_server.py` compares it with GStreamer's RTSP server.
"""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = Callable[[float], NDArray[np.uint8]]
"""What the camera shows so many seconds after it was switched on: uint8 (height, width, 3), RGB."""
MTU = 1200
NTP_1970 = 2_208_988_800
"""Seconds from 1900, where NTP begins, to 1970."""


@dataclass
class CameraDouble:
    """A camera, once it runs.

    Attributes:
        picture: what it shows.
        rate: pictures a second; 0 is as many as are taken.
        user, password: who may watch; nobody asks if there is none.
        scheme: how it asks: Digest or Basic.
        secure: for rtsps.
        address: of this machine, where it listens.
        moved: where it sends those who ask, by 302.
        lags: seconds by which its own clock is behind; None sends no reports of its time.
        drops: whether it hangs up now.
        refuses: whether it takes nobody.
        requests: what it was asked, with all headers.
        connections: how often somebody began to play.
        sent: pictures, of all connections.
        playing: when each connection's first and last picture was sent, in the camera's seconds.
    """

    picture: Picture
    rate: float = 10.0
    user: str | None = None
    password: str = ""
    scheme: str = "Digest"
    secure: ssl.SSLContext | None = None
    address: str = "127.0.0.1"
    moved: str | None = None
    lags: float | None = None
    refuses: bool = False
    requests: list[str] = field(default_factory=list)
    connections: int = 0
    sent: int = 0
    playing: list[list[float]] = field(default_factory=list)
    port: int = 0
    on_since: float = 0.0
    _dropped: threading.Event = field(default_factory=threading.Event)
    _ends: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"rtsp{'s' if self.secure else ''}://{self.address}:{self.port}/live"

    @property
    def seconds(self) -> float:
        """Since it was switched on."""
        return time.monotonic() - self.on_since

    def drop(self) -> None:
        """Hangs up on whoever watches."""
        self._dropped.set()

    @contextmanager
    def running(self) -> Iterator[CameraDouble]:
        listening = socket.create_server((self.address, self.port))
        listening.settimeout(0.05)
        self.port, self.on_since = listening.getsockname()[1], time.monotonic()
        threads: list[threading.Thread] = []

        def accept() -> None:
            while not self._ends.is_set():
                with suppress(TimeoutError):
                    connection, _ = listening.accept()
                    threads.append(threading.Thread(target=self._serve, args=(connection,)))
                    threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield self
        finally:
            self._ends.set()
            accepting.join()
            for thread in threads:
                thread.join()
            listening.close()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if self.refuses:
                return
            if self.secure is not None:
                connection = self.secure.wrap_socket(connection, server_side=True)
            with connection:
                connection.settimeout(30)
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        pending = b""
        while not self._ends.is_set():
            while b"\r\n\r\n" not in pending:
                data = connection.recv(4096)
                if not data:
                    return
                pending += data
            head, _, pending = pending.partition(b"\r\n\r\n")
            request = head.decode()
            self.requests.append(request)
            method, number = request.split(" ", 1)[0], re.search(r"CSeq: *(\d+)", request)
            assert number is not None
            status, headers, body = self._reply(method, request)
            lines = [f"RTSP/1.0 {status}", f"CSeq: {number[1]}", *headers]
            if body:
                lines.append(f"Content-Length: {len(body)}")
            connection.sendall("\r\n".join([*lines, "", body]).encode())
            if method == "PLAY" and status == "200 OK":
                self._play(connection)
                return
            if method == "TEARDOWN":
                return

    def _reply(self, method: str, request: str) -> tuple[str, list[str], str]:
        if method == "OPTIONS":
            return "200 OK", ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"], ""
        if not self._may(method, request):
            asked = 'realm="camera", nonce="4711"' if self.scheme == "Digest" else 'realm="camera"'
            return "401 Unauthorized", [f"WWW-Authenticate: {self.scheme} {asked}"], ""
        if self.moved is not None:
            return "302 Moved Temporarily", [f"Location: {self.moved}"], ""
        if method == "DESCRIBE":
            headers = ["Content-Type: application/sdp", f"Content-Base: {self.url}/"]
            return "200 OK", headers, self._description()
        if method == "SETUP":
            if "interleaved" not in request:
                return "461 Unsupported Transport", [], ""
            return "200 OK", ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 17"], ""
        return "200 OK", ["Session: 17", "RTP-Info: url=" + self.url + "/track;seq=0;rtptime=0"], ""

    def _may(self, method: str, request: str) -> bool:
        if self.user is None:
            return True
        given = re.search(rf"Authorization: {self.scheme} (.*)", request)
        if given is None:
            return False
        if self.scheme == "Basic":
            return base64.b64decode(given[1]).decode() == f"{self.user}:{self.password}"
        fields = dict(re.findall(r'(\w+)="([^"]*)"', given[1]))
        first = _md5(f"{self.user}:camera:{self.password}")
        second = _md5(f"{method}:{fields['uri']}")
        return bool(fields["username"] == self.user and fields["response"] == _md5(f"{first}:4711:{second}"))

    def _description(self) -> str:
        return "\r\n".join(
            [
                "v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=camera", "c=IN IP4 0.0.0.0", "t=0 0", "a=control:*",
                "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000", f"a=framerate:{self.rate or 25:g}",
                "a=fmtp:96 packetization-mode=1", "a=control:track", "",
            ]
        )  # fmt: skip

    def _play(self, connection: socket.socket) -> None:
        self._dropped.clear()
        self.connections += 1
        self.playing.append([self.seconds, self.seconds])
        encoder, sequence, began = _Encoder(self.rate or 25), 0, self.seconds
        number = 0
        while not (self._ends.is_set() or self._dropped.is_set()):
            now = self.seconds
            if self.lags is not None and number % 10 == 0:
                _interleave(connection, 1, self._report(now, number))
            for unit, last in encoder.units(self.picture(now)):
                stamp = number * 90_000 / (self.rate or 25)
                for packet in _packets(unit, last, round(stamp)):
                    head = struct.pack(">BBHII", 0x80, packet[0], sequence & 0xFFFF, round(stamp) & 0xFFFFFFFF, 99)
                    _interleave(connection, 0, head + packet[1:])
                    sequence += 1
            number, self.sent = number + 1, self.sent + 1
            self.playing[-1][1] = now
            if self.rate:
                self._dropped.wait(max(began + number / self.rate - self.seconds, 0))

    def _report(self, now: float, number: int) -> bytes:
        """A sender report (RFC 3550, 6.4.1): what the camera's clock says at this picture."""
        clock = time.time() - (self.lags or 0.0) + NTP_1970
        whole, part = int(clock), int(clock % 1 * 2**32)
        stamp = round(number * 90_000 / (self.rate or 25)) & 0xFFFFFFFF
        return struct.pack(">BBHIIIIII", 0x80, 200, 6, 99, whole, part, stamp, number, 0)


class _Encoder:
    def __init__(self, rate: float) -> None:
        self.rate, self.count = rate, 0
        self.context: Any = None

    def units(self, picture: NDArray[np.uint8]) -> list[tuple[bytes, bool]]:
        """The picture's NAL units, and of each whether it is the last."""
        import av

        if self.context is None:
            context: Any = av.CodecContext.create("libx264", "w")
            context.height, context.width = picture.shape[:2]
            context.pix_fmt, context.time_base, context.framerate = "yuv420p", Fraction(1, 1000), Fraction(self.rate)
            context.options = {
                "preset": "ultrafast", "tune": "zerolatency", "crf": "20", "g": str(round(self.rate)), "threads": "1",
                "x264-params": "repeat-headers=1:scenecut=0:sliced-threads=0",
            }  # fmt: skip
            self.context = context
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = round(1000 * self.count / self.rate), Fraction(1, 1000)
        self.count += 1
        data = b"".join(bytes(packet) for packet in self.context.encode(frame))
        units = [unit for unit in re.split(rb"\x00\x00\x00?\x01", data) if unit]
        return [(unit, place == len(units) - 1) for place, unit in enumerate(units)]


def _packets(unit: bytes, last: bool, stamp: int) -> Iterator[bytes]:
    """RTP payloads of a NAL unit, each behind the byte of marker and payload type: whole, or in fragments (FU-A)."""
    if len(unit) <= MTU:
        yield bytes([96 | last << 7]) + unit
        return
    for start in range(1, len(unit), MTU):
        first, final = start == 1, start + MTU >= len(unit)
        head = bytes([unit[0] & 0xE0 | 28, first << 7 | final << 6 | unit[0] & 0x1F])
        yield bytes([96 | (last and final) << 7]) + head + unit[start : start + MTU]


def _interleave(connection: socket.socket, channel: int, packet: bytes) -> None:
    connection.sendall(struct.pack(">cBH", b"$", channel, len(packet)) + packet)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
