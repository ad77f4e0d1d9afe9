"""What can go wrong between a client and its server.

ClientError
├── NoPicture               there is no crop to fetch, or no server to fetch it from
├── JobFailed               a job that was waited for has failed, or was cancelled
├── JobContinues            a job wasn't done in the time to wait: it goes on, wait again
├── ClientClosed            the client was closed before: make another
├── BadAddress              the server's URL is none: correct it
├── ConnectionFailed        no answer: is the server up, is the URL right?
│   └── Untrusted           its certificate isn't one that we trust; asking again helps nothing
└── Answered                the server answered with a problem
    ├── Refused             it understood and said no (4xx)
    │   ├── Unprocessable   the request can't be answered as it is: correct it (400, 413, 415, 421, 422)
    │   ├── Forbidden       no key, or one without that right (401, 403)
    │   ├── NotFound        no such thing (404)
    │   ├── Conflict        not in this state: do the other thing first (409 without a time to wait)
    │   └── Busy            too much at once, or someone else is writing: wait `retry_after_s` (409, 429, 503)
    └── ServerFailed        the server's fault (5xx)

`exit_code` is what the command line ends with when the error reaches it.
"""

from __future__ import annotations

from typing import Any


class ClientError(Exception):
    exit_code = 1


class NoPicture(ClientError):
    pass


class _OfAJob(ClientError):
    """What became of a job.

    Attributes:
        job: as the server told it last, a `wire.Job`.
    """

    def __init__(self, text: str, job: Any) -> None:
        super().__init__(text, job)
        self.job = job

    def __str__(self) -> str:
        return str(self.args[0])


class JobFailed(_OfAJob):
    pass


class JobContinues(_OfAJob):
    pass


class ClientClosed(ClientError):
    pass


class BadAddress(ClientError):
    exit_code = 2


class ConnectionFailed(ClientError):
    pass


class Untrusted(ConnectionFailed):
    exit_code = 2


class Answered(ClientError):
    """The server's problem document.

    Attributes:
        detail: what was expected, what came, what to do.
        status: of HTTP.
        problem: everything that the server said.
        retry_after_s: how long to wait before asking again, in seconds, if the server says so.
        code: short and stable, of the list in the reference; none where something between answered.
        request_id: what the server's log calls the request.
    """

    def __init__(
        self, detail: str, status: int, problem: dict[str, object] | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail, status, problem, retry_after_s)
        self.detail, self.status, self.problem, self.retry_after_s = detail, status, problem or {}, retry_after_s
        self.code, self.request_id = (_text(self.problem.get(name)) for name in ("code", "request_id"))

    def __str__(self) -> str:
        named = ", ".join(filter(None, (self.code, self.request_id and f"request {self.request_id}")))
        return f"{self.detail} ({named})" if named else self.detail


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


class Refused(Answered):
    pass


class Unprocessable(Refused):
    exit_code = 2


class Forbidden(Refused):
    exit_code = 2


class NotFound(Refused):
    exit_code = 2


class Conflict(Refused):
    pass


class Busy(Refused):
    pass


class ServerFailed(Answered):
    pass


_BY_STATUS: dict[int, type[Answered]] = {401: Forbidden, 403: Forbidden, 404: NotFound, 409: Busy, 429: Busy, 503: Busy}


def refusal(status: int, problem: dict[str, object], retry_after: str | None) -> Answered:
    """The exception for a problem document."""
    kind: type[Answered] = _BY_STATUS.get(status, ServerFailed if status >= 500 else Unprocessable)
    if status == 409 and retry_after is None:
        kind = Conflict
    detail = str(problem.get("detail") or problem.get("title") or f"the server answered {status}")
    seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
    return kind(detail, status, problem, seconds)
