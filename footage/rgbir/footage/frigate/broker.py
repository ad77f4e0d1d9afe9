"""Listens to Frigate's MQTT messages, and connects again for as long as it takes.

The session is a clean one. Frigate publishes events with quality of service 0 unless it is told otherwise, and then a broker keeps
nothing for us while we are away. Frigate's list of events does, so every connection asks for catching up once it listens.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rgbir.footage.frigate.errors import NoBroker, PassedOver
from rgbir.footage.frigate.events import of_message
from rgbir.footage.frigate.places import Say
from rgbir.footage.frigate.worker import Worker
from rgbir.index import UsageError

if TYPE_CHECKING:
    import aiomqtt

USER, PASSWORD = "RGBIR_MQTT_USER", "RGBIR_MQTT_PASSWORD"
SHORTEST_S, LONGEST_S = 1.0, 30.0


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is.

    Attributes:
        host, port: its address.
        trust: whose certificates are believed; None for a connection that isn't encrypted.
        prefix: of Frigate's topics.
    """

    host: str
    port: int
    trust: ssl.SSLContext | None
    prefix: str = "frigate"

    @property
    def shows_password(self) -> bool:
        """Whether a password goes over a network that others can read."""
        near = self.host in ("localhost", "127.0.0.1", "::1")
        return PASSWORD in os.environ and self.trust is None and not near

    @classmethod
    def of(cls, address: str, trust: ssl.SSLContext | None, prefix: str) -> Broker:
        """`HOST`, `HOST:PORT` or `[IPv6]:PORT`.

        Raises:
            UsageError: something else, or a prefix that would mean other topics.
        """
        host, colon, port = address.rpartition(":")
        if not colon or address.endswith("]") or (":" in host and not host.startswith("[")):
            host, port = address, str(1883 if trust is None else 8883)
        host = host.removeprefix("[").removesuffix("]")
        if (
            not host
            or any(sign in host for sign in "/@ ")
            or not (port.isascii() and port.isdecimal() and 0 < int(port) < 65_536)
        ):
            raise UsageError(
                f"--mqtt is a broker's HOST or HOST:PORT, and its password is in {PASSWORD}; got {_shown(address)}"
            )
        if not prefix or any(sign in prefix for sign in "+#\0"):
            raise UsageError(
                f"--topic is the prefix of Frigate's topics, such as frigate, without + and #; got {prefix!r}"
            )
        return cls(host, int(port), trust, prefix.rstrip("/"))


def _shown(address: str) -> str:
    """Without what may be a password."""
    return repr(f"…@{address.rpartition('@')[2]}" if "@" in address else address)


def imported() -> Any:
    """
    Raises:
        NoBroker: aiomqtt isn't installed.
    """
    try:
        import aiomqtt
    except ModuleNotFoundError:
        raise NoBroker("rgbir watch frigate needs aiomqtt: pip install 'rgbir[frigate]'") from None
    return aiomqtt


async def listen(broker: Broker, worker: Worker, say: Say) -> None:
    """Gives the worker what ends, for ever."""
    library, pause_s, silent = imported(), SHORTEST_S, False
    while True:
        try:
            async with _connection(library, broker) as client:
                await client.subscribe([(f"{broker.prefix}/events", 1), (f"{broker.prefix}/available", 1)])
                worker.tally.connections += 1
                worker.catch_up_soon()
                if silent:
                    say(f"the broker at {broker.host}:{broker.port} answers again")
                pause_s, silent = SHORTEST_S, False
                async for message in client.messages:
                    _heard(message, broker, worker)
        except library.MqttError as error:
            if not silent:
                say(f"the broker at {broker.host}:{broker.port} can't be reached: {_why(error)}; trying again")
            silent = True
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_S)


def _connection(library: Any, broker: Broker) -> aiomqtt.Client:
    connection: aiomqtt.Client = library.Client(
        broker.host,
        broker.port,
        username=os.environ.get(USER),
        password=os.environ.get(PASSWORD),
        tls_context=broker.trust,
        clean_session=True,
        keepalive=30,
        timeout=10,
        max_queued_incoming_messages=100,
    )
    return connection


def _heard(message: Any, broker: Broker, worker: Worker) -> None:
    if message.topic.value == f"{broker.prefix}/available":
        worker.catch_up_soon()  # Frigate was away, and ends its tracks without a message
        return
    try:
        event = of_message(bytes(message.payload or b""))
    except PassedOver as error:
        worker.pass_over(error)
        return
    if event is not None:
        worker.put(event)


def _why(error: BaseException) -> str:
    text = str(error).strip()
    return text if text.isprintable() and text else type(error).__name__
