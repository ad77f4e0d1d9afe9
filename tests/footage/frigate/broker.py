"""A broker: mosquitto where it is installed, or a small double of it; and a publisher as Frigate is one."""

from __future__ import annotations

import json
import shutil
import socket
import socketserver
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from tests.site.ports import free_port
from tests.waiting import HANGS_AFTER_S, until

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class AnyBroker(Protocol):
    port: int

    def start(self) -> None: ...

    def stop(self) -> None: ...


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Mosquitto:
    """The real one, as a process.

    Args:
        more: lines of its configuration.
    """

    def __init__(self, folder: Path, more: str = "allow_anonymous true\n") -> None:
        assert MOSQUITTO is not None
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._file = folder / "mosquitto.conf"
        self._file.write_text(
            f"user root\nlistener {self.port} 127.0.0.1\n{more}"
        )  # which says nothing unless we are root

    def start(self) -> None:
        command = [str(MOSQUITTO), "-c", str(self._file)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: answers(self.port), "mosquitto")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class BrokerDouble:
    """MQTT 3.1.1 as far as a bridge and a publisher need it: connections, subscriptions to whole topics, quality 0 and 1, retained
    messages. Nothing is kept for those who are away.

    Source: OASIS, "MQTT Version 3.1.1", chapters 2 and 3.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.users: dict[str, str] | None = None
        self.seen: list[bytes] = []
        self._server: socketserver.ThreadingTCPServer | None = None
        self._here: dict[socket.socket, set[str]] = {}
        self._retained: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        broker = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError, EOFError):
                    broker._serve(self.request)
                with broker._lock:
                    broker._here.pop(self.request, None)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """As a kill: connections end without a word."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        with self._lock:
            for connection in self._here:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._here.clear()
            self._retained.clear()

    def _serve(self, connection: socket.socket) -> None:
        while True:
            kind, content = _packet(connection)
            match kind >> 4:
                case 1:
                    self.seen.append(content)
                    connection.sendall(b"\x20\x02\x00\x00")
                    with self._lock:
                        self._here[connection] = set()
                case 3:
                    self._publish(connection, kind, content)
                case 8:
                    self._subscribe(connection, content)
                case 12:
                    connection.sendall(b"\xd0\x00")
                case 14:
                    return

    def _subscribe(self, connection: socket.socket, content: bytes) -> None:
        topics, rest = [], content[2:]
        while rest:
            topic, rest = _text(rest)
            topics.append((topic, rest[0]))
            rest = rest[1:]
        connection.sendall(_framed(0x90, content[:2] + bytes(quality for _, quality in topics)))
        with self._lock:
            self._here[connection] |= {topic for topic, _ in topics}
            for topic, _ in topics:
                if topic in self._retained:
                    connection.sendall(_message(topic, self._retained[topic], retained=True))

    def _publish(self, connection: socket.socket, kind: int, content: bytes) -> None:
        topic, rest = _text(content)
        if kind & 0x06:
            connection.sendall(_framed(0x40, rest[:2]))
            rest = rest[2:]
        with self._lock:
            if kind & 1:
                self._retained[topic] = rest
            for other, topics in self._here.items():
                if topic in topics:
                    with suppress(OSError):
                        other.sendall(_message(topic, rest, retained=False))


def _packet(connection: socket.socket) -> tuple[int, bytes]:
    kind, length, shift = _bytes(connection, 1)[0], 0, 0
    while True:
        part = _bytes(connection, 1)[0]
        length |= (part & 127) << shift
        shift += 7
        if part < 128:
            return kind, _bytes(connection, length)


def _bytes(connection: socket.socket, count: int) -> bytes:
    read = b""
    while len(read) < count:
        part = connection.recv(count - len(read))
        if not part:
            raise EOFError
        read += part
    return read


def _text(content: bytes) -> tuple[str, bytes]:
    (length,) = struct.unpack(">H", content[:2])
    return content[2 : 2 + length].decode(), content[2 + length :]


def _framed(kind: int, content: bytes) -> bytes:
    length, sizes = len(content), b""
    while True:
        length, part = length >> 7, length & 127
        sizes += bytes([part | (128 if length else 0)])
        if not length:
            return bytes([kind]) + sizes + content


def _message(topic: str, content: bytes, retained: bool) -> bytes:
    """Of quality 0, as Frigate's."""
    return _framed(0x30 | retained, struct.pack(">H", len(topic)) + topic.encode() + content)


@contextmanager
def publisher(port: int, user: str | None = None, password: str | None = None) -> Iterator[Any]:
    """Publishes as Frigate does: with paho, and quality 0. Yields `publish(topic, message, retain=False)`."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    if user is not None:
        client.username_pw_set(user, password)
    client.connect("127.0.0.1", port)
    client.loop_start()
    until(client.is_connected, "the publisher's connection")

    def publish(topic: str, message: Any, *, retain: bool = False) -> None:
        content = message if isinstance(message, bytes) else json.dumps(message).encode()
        client.publish(topic, content, qos=0, retain=retain).wait_for_publish(HANGS_AFTER_S)

    try:
        yield publish
    finally:
        client.disconnect()
        client.loop_stop()
