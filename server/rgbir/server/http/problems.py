"""How every failure becomes a problem document (RFC 9457), in one place."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from rgbir.client.wire import Problem
from rgbir.index import BadImage, GalleryBusy, GalleryError, GalleryMismatch, IndexFailure, UsageError
from rgbir.server.errors import (
    AuditFailed,
    BadArchive,
    CantWrite,
    ClientGone,
    KeysUnreadable,
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

# The first that fits. What isn't here is the server's own fault: 500, with nothing of it told to the client.
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (TooLarge, 413),
    (TooSlow, 408),
    (TooBusy, 429),
    (NotThere, 404),
    (NotNow, 409),
    (BadArchive, 422),
    (WrongHost, 421),
    (NoKey, 401),
    (NotAllowed, 403),
    (TookTooLong, 503),
    (ClientGone, 499),
    (CantWrite, 503),
    (AuditFailed, 503),
    (KeysUnreadable, 503),
    (BadImage, 422),
    (UsageError, 422),
    (GalleryMismatch, 422),
    (GalleryBusy, 409),
    (GalleryError, 503),
    (IndexFailure, 500),
)
RETRY_AFTER_S = 1
MOST_SAID = 2000
"""Characters of a detail: what was sent isn't sent back whole."""

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
    _503="the gallery or the audit log can't be used now",
    _507="the server's temporary folder is full",
)
BUSY = documented(_409="another process is writing to the gallery")
NOT_NOW = documented(_409="not in this state")
NOT_FOUND = documented(_404="no such thing")


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, errors: list[dict[str, Any]] | None = None
) -> JSONResponse:
    title = "Client Closed Request" if status == 499 else HTTPStatus(status).phrase
    if len(detail) > MOST_SAID:
        detail = f"{detail[: MOST_SAID // 2]} … {detail[-MOST_SAID // 2 :]}"
    document = Problem(title=title, status=status, detail=detail, errors=errors)
    return JSONResponse(
        document.model_dump(exclude_none=True), status, dict(headers or {}), media_type="application/problem+json"
    )


_NO_FILE = 'a file is expected, in a part with filename="…"; a filename* alone is none in a form (RFC 7578)'


def _is_no_file(entry: Mapping[str, Any]) -> bool:
    return "Expected UploadFile" in str(entry.get("msg"))


def answer(error: Exception) -> JSONResponse:
    """The problem document of one of our own exceptions."""
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    later = status in (409, 429, 503) and not isinstance(error, NotNow)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if later else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(status, str(error), headers)


def install(app: FastAPI) -> None:
    """Turns exceptions into problem documents."""

    async def failure(_: Request, error: Exception) -> JSONResponse:
        return answer(error)

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        errors = [
            {"field": ".".join(map(str, entry["loc"][1:])), "message": _NO_FILE if _is_no_file(entry) else entry["msg"]}
            for entry in error.errors()
        ]
        return problem(422, "; ".join(f"{entry['field']}: {entry['message']}" for entry in errors), errors=errors)

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        cause = error.__cause__ or error.__context__
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            where = tempfile.gettempdir()
            return problem(
                507, f"the server's temporary folder, {where}, is full; bodies are kept there until they are read"
            )
        return problem(error.status_code, str(error.detail), error.headers)

    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        return problem(500, "the server failed on this request; its log has the reason")

    for kind, _ in _STATUS:
        app.add_exception_handler(kind, failure)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)
