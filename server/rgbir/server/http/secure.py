"""TLS in the server's own process: connections that keep the limits of others from their first byte on.

uvicorn would make one context when it starts, and count a connection once it has shaken hands. Here each connection is served
with the certificate of that moment, its handshake takes no longer than any other step of a peer, and it counts from the start.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, cast

import uvicorn

from rgbir.server.http.certificate import Certificate
from rgbir.server.http.connection import ConnectionLimits
from rgbir.server.worker import Count, Counts

_log = logging.getLogger(__name__)
_GOODBYE_S = 5.0
"""Seconds in which a peer may say that it has heard the end."""
_OUT_OF_FILES_S = 0.1


class SecureServer(uvicorn.Server):
    """uvicorn's server, with connections that TLS has opened.

    Args:
        closed: told why a connection was ended: `no handshake` or `too many`.
        counts: where connections of all workers are counted.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        certificate: Certificate,
        limits: ConnectionLimits,
        closed: Callable[[str], None],
        counts: Counts,
    ) -> None:
        super().__init__(config)
        self.certificate, self.limits, self.closed, self.counts = certificate, limits, closed, counts

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, whose own listeners know no TLS and get no socket."""
        await super().startup(sockets=[])
        for listening in sockets or ():
            self.servers.append(cast("asyncio.Server", _Doorstep(self, listening)))

    def protocol(self) -> asyncio.Protocol:
        """One connection's."""
        made: Any = self.config.http_protocol_class
        return cast(
            "asyncio.Protocol",
            made(config=self.config, server_state=self.server_state, app_state=self.lifespan.state, _loop=None),
        )


class _Doorstep:
    """Takes connections, and shakes hands with each beside the others."""

    def __init__(self, server: SecureServer, listening: socket.socket) -> None:
        self.server, self.listening = server, listening
        self.loop = asyncio.get_running_loop()
        self.greeting: set[asyncio.Task[None]] = set()
        listening.setblocking(False)
        self.accepting = self.loop.create_task(self._accept())

    async def _accept(self) -> None:
        while True:
            try:
                peer, _ = await self.loop.sock_accept(self.listening)
            except OSError as error:  # out of files, or the peer is gone already
                _log.warning("a connection couldn't be taken: %s", error)
                await asyncio.sleep(_OUT_OF_FILES_S)
                continue
            if self.server.counts.total(Count.CONNECTIONS) + len(self.greeting) >= self.server.limits.most:
                self.server.closed("too many")
                peer.close()
                continue
            task = self.loop.create_task(self._greet(peer))
            self.greeting.add(task)
            task.add_done_callback(self.greeting.discard)

    async def _greet(self, peer: socket.socket) -> None:
        try:
            await self.loop.connect_accepted_socket(
                self.server.protocol,
                peer,
                ssl=self.server.certificate.pair.context,
                ssl_handshake_timeout=self.server.limits.slowest_s,
                ssl_shutdown_timeout=_GOODBYE_S,
            )
        except OSError:  # of TLS too, and of time
            self.server.closed("no handshake")

    def stop(self) -> None:
        """Takes no further connection; those that shake hands go on."""
        self.accepting.cancel()

    def close(self) -> None:
        """Takes no further connection, and ends those that shake hands."""
        self.stop()
        for task in self.greeting:
            task.cancel()

    async def wait_closed(self) -> None:
        """Until those are gone that were shaking hands."""
        await asyncio.gather(self.accepting, *self.greeting, return_exceptions=True)
