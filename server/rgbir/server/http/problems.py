"""How every failure becomes a problem document (RFC 9457), in one place."""

from __future__ import annotations

import errno
import logging
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rgbir.client.wire import FieldError, Problem
from rgbir.index import (
    BadImage,
    GalleryBusy,
    GalleryCorrupt,
    GalleryError,
    GalleryFull,
    GalleryMismatch,
    GalleryMissing,
    GalleryMoved,
    IndexFailure,
    InvalidQuery,
    UnknownCamera,
    UsageError,
    fault,
)
from rgbir.server.errors import (
    AuditFailed,
    BadArchive,
    CantWrite,
    CasesUnusable,
    ClientGone,
    Held,
    KeptForEver,
    KeysUnreadable,
    NobodyFound,
    NoDetector,
    NoFootage,
    NoKey,
    NotAllowed,
    NotNow,
    NotThere,
    TooBusy,
    TookTooLong,
    TooLarge,
    TooSlow,
    WrongHost,
)
from rgbir.server.http.codes import CODES, Code

_log = logging.getLogger(__name__)

OF_EXCEPTIONS: Mapping[type[Exception], Code] = {
    kind: CODES[name]
    for kind, name in (
        (TooLarge, "too-large"),
        (TooSlow, "too-slow"),
        (TooBusy, "too-busy"),
        (NotThere, "not-found"),
        (NotNow, "not-now"),
        (KeptForEver, "no-retention"),
        (NoDetector, "no-detector"),
        (NoFootage, "no-footage"),
        (NobodyFound, "nobody-found"),
        (BadArchive, "bad-archive"),
        (WrongHost, "wrong-host"),
        (NoKey, "no-key"),
        (NotAllowed, "not-allowed"),
        (TookTooLong, "took-too-long"),
        (ClientGone, "client-gone"),
        (CantWrite, "cant-write"),
        (AuditFailed, "audit-failed"),
        (CasesUnusable, "cases-unusable"),
        (Held, "held"),
        (KeysUnreadable, "keys-unreadable"),
        (BadImage, "bad-image"),
        (UnknownCamera, "unknown-camera"),
        (InvalidQuery, "invalid-query"),
        (UsageError, "bad-request"),
        (GalleryMismatch, "other-model"),
        (GalleryBusy, "gallery-busy"),
        (GalleryMissing, "gallery-missing"),
        (GalleryFull, "gallery-full"),
        (GalleryMoved, "gallery-moved"),
        (GalleryCorrupt, "gallery-damaged"),
        (GalleryError, "gallery-unusable"),
        (IndexFailure, "index-failed"),
    )
}
"""Of an exception's own class, or of its nearest base. What isn't here is the server's own fault: 500, with nothing of it told to the
client.
"""
_OF_STATUSES = {400: "bad-form", 404: "no-such-path", 405: "method-not-allowed"}
"""What the framework itself refuses."""
RETRY_AFTER_S = 1
MOST_SAID = 2000
"""Characters of a detail: what was sent isn't sent back whole."""
REQUEST_ID = "rgbir.request"
"""Where a request's scope has its id, which the log, the answer's header and a problem document share."""

Responses = dict[int | str, dict[str, Any]]


def documented(**statuses: str) -> Responses:
    """Problem documents as OpenAPI tells them: `documented(_404="no such thing")`."""
    shape = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {int(status[1:]): {"description": what, "content": shape} for status, what in statuses.items()}


PROBLEMS = documented(
    _400="a body that is no form",
    _401="no key, or nobody's",
    _403="a key without that right",
    _408="the body doesn't come",
    _413="body or image too large",
    _421="a host name that isn't this server's",
    _422="can't be answered as it is",
    _429="too many requests in flight",
    _500="the server failed on this request",
    _503="the gallery or the audit log can't be used now",
    _507="the server's temporary folder is full",
)
BUSY = documented(_409="another process is writing to the gallery")
NOT_NOW = documented(_409="not in this state")
NO_FOOTAGE = documented(_501="the server decodes no films")
NO_DETECTOR = documented(_501="the server has no detector")
UNKEPT = documented(_409="another process is writing to the gallery, or the gallery keeps for ever")
NOT_FOUND = documented(_404="no such thing")


class ProblemAnswer(Response):
    """A problem document as an answer; it takes the id of the request that it is sent to.

    Args:
        document: without a request id.
    """

    media_type = "application/problem+json"

    def __init__(self, document: Problem, headers: Mapping[str, str] | None = None) -> None:
        self.document = document
        super().__init__(_written(document), document.status, dict(headers or {}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (request_id := scope.get(REQUEST_ID)) is not None:
            self.body = _written(self.document.model_copy(update={"request_id": request_id}))
            self.headers["Content-Length"] = str(len(self.body))
        await super().__call__(scope, receive, send)


def _written(document: Problem) -> bytes:
    return document.model_dump_json(exclude_none=True).encode()


def problem(
    code: str, detail: str, headers: Mapping[str, str] | None = None, errors: Sequence[FieldError] | None = None
) -> ProblemAnswer:
    """The answer that says what went wrong.

    Args:
        code: one of `CODES`.
        detail: what was expected, what came, what to do.
        errors: each field that doesn't fit.
    """
    kind = CODES[code]
    if len(detail) > MOST_SAID:
        detail = f"{detail[: MOST_SAID // 2]} … {detail[-MOST_SAID // 2 :]}"
    document = Problem(
        type=kind.type,
        title=kind.meaning,
        status=kind.status,
        detail=detail,
        code=kind.name,
        errors=None if errors is None else list(errors),
    )
    return ProblemAnswer(document, headers)


_NO_FILE = 'a file is expected, in a part with filename="…"; a filename* alone is none in a form (RFC 7578)'


def _field_error(entry: Mapping[str, Any]) -> FieldError:
    no_file = "Expected UploadFile" in str(entry.get("msg"))
    return FieldError(
        field=".".join(map(str, entry["loc"][1:])),
        message=_NO_FILE if no_file else fault(entry),
        code="file_expected" if no_file else entry["type"],
    )


def _said_by_the_framework(code: str, request: Request, error: HTTPException) -> str:
    if code == "no-such-path":
        return f"no path {request.scope['path'][:200]!r} here; /docs and /openapi.json have all of them"
    if code == "method-not-allowed":
        return f"this path takes {(error.headers or {}).get('Allow', 'another method')}, not {request.method[:20]}"
    return str(error.detail)


def code_of(kind: type[Exception]) -> Code:
    """The code of an exception's class: its own, or that of its nearest base that has one."""
    return next((OF_EXCEPTIONS[base] for base in kind.__mro__ if base in OF_EXCEPTIONS), CODES["internal"])


def answer(error: Exception) -> ProblemAnswer:
    """The problem document of one of our own exceptions."""
    code = code_of(type(error))
    later = code.status in (409, 429, 503) and not isinstance(error, (NotNow, Held))
    headers = {"Retry-After": str(RETRY_AFTER_S)} if later else {}
    if code.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(code.name, str(error), headers)


class Unexpected:
    """ASGI middleware: a failure that nobody foresaw is answered like every other problem, and goes on to whoever logs it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, watched if scope["type"] == "http" else send)
        except Exception:
            if scope["type"] == "http" and not begun:
                _log.error("request %s failed; the error follows", scope.get(REQUEST_ID, "without an id"))
                detail = "the server failed on this request; its log has the reason"
                await problem("internal", detail)(scope, receive, send)
            raise


def install(app: FastAPI) -> None:
    """Turns exceptions into problem documents."""

    async def failure(_: Request, error: Exception) -> Response:
        return answer(error)

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = [_field_error(entry) for entry in error.errors()]
        detail = "; ".join(f"{entry.field}: {entry.message}" for entry in errors)
        return problem("invalid-fields", detail, errors=errors)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        cause = error.__cause__ or error.__context__
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            where = tempfile.gettempdir()
            return problem(
                "temporary-folder-full",
                f"the server's temporary folder, {where}, is full; bodies are kept there until they are read",
            )
        code = _OF_STATUSES.get(error.status_code, "internal")
        return problem(code, _said_by_the_framework(code, request, error), error.headers)

    for kind in OF_EXCEPTIONS:
        app.add_exception_handler(kind, failure)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
