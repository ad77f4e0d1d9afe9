"""Connections to an application: one server's, or one worker's of several."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import cast

import uvicorn
from fastapi import FastAPI

from rgbir.server.http.certificate import Certificate
from rgbir.server.http.connection import Connection, ConnectionLimits
from rgbir.server.http.relay import Inner
from rgbir.server.http.secure import SecureServer
from rgbir.server.settings import Settings
from rgbir.server.worker import Count, Worker

_IDLE_S = 6.0
"""Seconds in which a connection that asks nothing is closed anyway."""
_CLOSE = (b"connection", b"close")


class _Worker(uvicorn.Server):
    """One worker's server: others ask it on a socket, and it ends without a failed request once another takes its place.

    Args:
        ready: called once it answers.
    """

    worker: Worker
    ready: Callable[[], None]
    inner: partial[Inner]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        self.worker.socket.unlink(missing_ok=True)
        self.asked = await loop.create_unix_server(self._from_worker, str(self.worker.socket))
        loop.add_signal_handler(signal.SIGUSR1, self._retire)
        self.retires = False
        end = self.lifespan.shutdown

        async def leave() -> None:
            self._leave()
            await end()

        self.lifespan.shutdown = leave
        self.ready()

    def _from_worker(self) -> asyncio.Protocol:
        return self.inner(config=self.config, server_state=self.server_state, app_state=self.lifespan.state, _loop=None)

    def _retire(self) -> None:
        self.retires = self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.retires:
            await self._part()
        await super().shutdown(sockets)

    def _leave(self) -> None:
        """Once its connections are gone: until then it may lead, and the others ask it."""
        self.worker.socket.unlink(missing_ok=True)
        self.asked.close()

    async def _part(self) -> None:
        """Takes no further connection, and says with each answer that it is the last on its connection."""
        for server in self.servers:
            getattr(server, "stop", server.close)()
        self.server_state.default_headers = [*self.server_state.default_headers, _CLOSE]
        loop = asyncio.get_running_loop()
        idle, late = loop.time() + _IDLE_S, loop.time() + (self.config.timeout_graceful_shutdown or 0)
        await asyncio.sleep(0.1)  # what was accepted just now becomes a connection
        counts = self.worker.counts
        while counts.mine(Count.CONNECTIONS) and loop.time() < (late if counts.mine(Count.IN_FLIGHT) else idle):
            await asyncio.sleep(0.05)


class _SecureWorker(_Worker, SecureServer):
    pass


def served(
    settings: Settings,
    app: FastAPI,
    certificate: Certificate | None,
    worker: Worker,
    listening: socket.socket,
    ready: Callable[[], None] = lambda: None,
) -> bool:
    """Answers until it is told to end; returns whether it began.

    Args:
        ready: called once a worker of several answers.
    """
    limits = ConnectionLimits(settings.max_head_bytes, settings.slowest_s, settings.max_connections)
    closed = app.state.metrics.closed_for
    more = {"limits": limits, "closed": closed, "counts": worker.counts}
    # One process, whatever WEB_CONCURRENCY says: `--workers` are started by `rgbir serve`.
    config = uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", partial(Connection, **more)),
        ws="none",
        log_level="warning",
        server_header=False,
        workers=1,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=settings.ending_s,
        env_file=None,
    )
    server: uvicorn.Server
    if worker.alone:
        secure = partial(SecureServer, config)
        server = uvicorn.Server(config) if certificate is None else secure(certificate, **more)
    else:
        server = _Worker(config) if certificate is None else _SecureWorker(config, certificate, **more)
        server.worker, server.ready, server.inner = worker, ready, partial(Inner, **more)
    with suppress(KeyboardInterrupt):  # Ctrl-C ends it, after what was begun is finished
        server.run(sockets=[listening])
    return server.started
