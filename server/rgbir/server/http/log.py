"""One line of JSON a request, with an id that the answer carries too; never an image, a key or a form field."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from datetime import UTC, datetime

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rgbir.server.http.metrics import Metrics
from rgbir.server.http.problems import REQUEST_ID
from rgbir.server.worker import PASSED_ON

log = logging.getLogger("rgbir.requests")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestLog:
    """ASGI middleware: an id a request (the caller's `X-Request-Id` if it is a plain one), a line of log, and its metrics."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        scope[REQUEST_ID] = request_id
        if scope.get(PASSED_ON):  # whoever passed it on counts it
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            taken = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "none")
            self.metrics.requests.labels(scope["method"], route, str(status)).inc()
            self.metrics.took.labels(scope["method"], route).observe(taken)
            entry = {"request": request_id, "method": scope["method"], "route": route, "status": status}
            log.info(
                "%s %s %s", scope["method"], route, status, extra={"rgbir": {**entry, "ms": round(taken * 1000, 1)}}
            )


class JsonLines(logging.Formatter):
    """Log records as JSON, one a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            **getattr(record, "rgbir", {"message": record.getMessage()}),
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def to_standard_error(as_json: bool, level: int | None = None) -> None:
    """Where logs go when a server runs by itself.

    Args:
        level: of the process that started this one; None where none did.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonLines() if as_json else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    root = logging.getLogger("rgbir")
    root.handlers[:] = [handler]
    if level is not None:
        root.setLevel(level)
    elif not root.level or (as_json and root.level > logging.INFO):  # else -q or -v says it
        root.setLevel(logging.INFO if as_json else logging.WARNING)
    root.propagate = False
