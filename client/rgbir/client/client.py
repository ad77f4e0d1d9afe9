"""A server's routes as methods, to wait for or to await."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from functools import update_wrapper
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx2

from rgbir.client import calls, case_calls, wire
from rgbir.client import judgements as judging
from rgbir.client.address import no_answer, server_url
from rgbir.client.calls import Call
from rgbir.client.crops import Origin
from rgbir.client.download import written
from rgbir.client.errors import (
    Answered,
    Busy,
    ClientClosed,
    ClientError,
    ConnectionFailed,
    JobContinues,
    JobFailed,
    Untrusted,
    refusal,
)
from rgbir.client.given import plain
from rgbir.client.pictures import Image
from rgbir.client.signatures import show_truly
from rgbir.client.words import listed, why

P = ParamSpec("P")
T = TypeVar("T")
LONGEST_ANSWER_S = 60.0
LONGEST_PAUSE_S = 30.0
LONGEST_LOOK_S = 5.0
"""Between two looks at a job."""
OnProgress = Callable[[wire.Job], object]
Labelled = tuple[Image, dict[str, Any]]
"""An image, and its labels by name."""


class _Common:
    """What both clients know.

    Args:
        server: its URL, such as `http://127.0.0.1:8077`, or a ready `httpx2` client with a base URL.
        key: a bearer token, where the server asks for one.
        ca: for https, a file of certificates in PEM to trust in place of the machine's own: your site's authority, or the server's
            certificate itself.
        timeout_s: longest wait for an answer, 60 if it isn't given. This, `key` and `ca` are for a URL: a ready client has its own.
        retries: how often to ask again after no answer, or after one that says `later` (409, 429, 503). Every request is safe to
            repeat. Searches change nothing, the same image is enrolled once, what is erased stays erased, and a camera is moved once.

    Every method raises a `ClientError`: `ConnectionFailed`, or `Refused` and its kinds with what the server said.
    """

    def __init__(self, retries: int) -> None:
        self.retries = retries

    def _pause(self, attempt: int, error: ClientError) -> float | None:
        """Seconds until the next attempt; None if there is none."""
        if attempt >= self.retries or not isinstance(error, (Busy, ConnectionFailed)) or isinstance(error, Untrusted):
            return None
        asked = error.retry_after_s if isinstance(error, Answered) else None
        growing: float = 0.25 * 2**attempt * (1 + random.random())
        return min(asked if asked is not None else growing, LONGEST_PAUSE_S)


class _Watch:
    """Looks at a job until it has ended: when to look again, and what is to be said of what was seen.

    Args:
        name: the job's id.
        timeout_s: most seconds until it ends; none is for ever.
    """

    def __init__(self, name: str, timeout_s: float | None, on_progress: OnProgress | None) -> None:
        self.name, self.timeout_s, self.on_progress = name, timeout_s, on_progress
        self.job: wire.Job | None = None
        self.begun, self.pause_s = time.monotonic(), 0.125

    def seen(self, job: wire.Job) -> bool:
        """Whether it is done.

        Raises:
            JobFailed: it has failed, or was cancelled.
        """
        if self.on_progress is not None and job != self.job:
            self.on_progress(job)
        self.job = job
        if job.state in ("failed", "cancelled"):
            why = job.error or "somebody cancelled it"
            raise JobFailed(f"job {job.id} is {job.state}: {why}; {_counted(job)} were added", job)
        return job.state == "done"

    def pause(self, busy: Busy | None = None) -> float:
        """Seconds until the next look; they grow, and a busy server says how many it wants.

        Raises:
            JobContinues: there is no time left for another.
        """
        self.pause_s = min(2 * self.pause_s, LONGEST_LOOK_S)
        pause_s = max(self.pause_s, 0.0 if busy is None else busy.retry_after_s or 0.0)
        if self.timeout_s is None:
            return pause_s
        left = self.timeout_s - (time.monotonic() - self.begun)
        if left <= 0:
            job = self.job
            known = "" if job is None else f"; it is {job.state}, with {_counted(job)} added"
            raise JobContinues(
                f"job {self.name} wasn't done within {self.timeout_s:g} s{known}; it goes on, wait again", job
            )
        return min(pause_s, left)


def _counted(job: wire.Job) -> str:
    if job.film is None:
        return f"{job.added:,} of {job.total:,} images"
    return f"{job.added:,} pictures of {job.film.tracks:,} tracks"


def _name(job: str | wire.Job) -> str:
    return job if isinstance(job, str) else job.id


def _attached(value: T, origin: Origin) -> T:
    """The value, whose hits know from where their pictures are fetched."""
    if isinstance(value, wire.WithCrop):
        value.come_from(origin)
    elif isinstance(value, wire.SearchResponse):
        for hit in value.hits:
            hit.come_from(origin)
    elif isinstance(value, wire.Answers):
        for answer in value:
            _attached(answer, Origin(origin.fetch, origin.waits))
    return value


def _expect_open(closed: bool) -> None:
    """
    Raises:
        ClientClosed: it isn't.
    """
    if closed:
        raise ClientClosed("this client is closed; make another, or ask inside of its `with` block")


def _waited(build: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], T]:
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._answer(build(*args, **kwargs))

    update_wrapper(method, build)
    show_truly(method, build)
    return method


def _awaited(build: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._answer(build(*args, **kwargs))

    update_wrapper(method, build)
    show_truly(method, build)
    return method


class Client(_Common):
    __doc__ = (
        f"Talks to one server; close it, or use it in a `with` block.\n{(_Common.__doc__ or '').partition('.')[2]}"
    )

    def __init__(
        self,
        server: str | httpx2.Client,
        *,
        key: str | None = None,
        ca: Path | None = None,
        timeout_s: float | None = None,
        retries: int = 2,
    ) -> None:
        super().__init__(retries)
        settings = _settings(server, key, ca, timeout_s)
        self._http = httpx2.Client(base_url=server_url(server), **settings) if isinstance(server, str) else server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    search = _waited(calls.search)
    search_each = _waited(calls.search_each)
    enrol = _waited(calls.enrol)
    enrol_track = _waited(calls.enrol_track)
    enrol_frames = _waited(calls.enrol_frames)
    start_job = _waited(calls.start_job)
    enrol_footage = _waited(calls.enrol_footage)
    job = _waited(calls.job)
    cancel_job = _waited(calls.cancel_job)
    models = _waited(calls.models)
    prepare_model = _waited(calls.prepare_model)
    activate_model = _waited(calls.activate_model)
    forget_model = _waited(calls.forget_model)
    embed = _waited(calls.embed)
    explain = _waited(calls.explain)
    distances = _waited(calls.distances)
    sighting = _waited(calls.sighting)
    image = _waited(calls.image)
    clip = _waited(calls.clip)
    browse = _waited(calls.browse)
    neighbours = _waited(calls.neighbours)
    counts = _waited(calls.counts)
    erase = _waited(calls.erase)
    remove = _waited(calls.remove)
    gallery = _waited(calls.gallery)
    cameras = _waited(calls.cameras)
    plan = _waited(calls.plan)
    camera = _waited(calls.camera)
    put_camera = _waited(calls.put_camera)
    remove_camera = _waited(calls.remove_camera)
    keys = _waited(calls.keys)
    add_key = _waited(calls.add_key)
    end_key = _waited(calls.end_key)
    calibration = _waited(calls.calibration)
    queue = _waited(calls.queue)
    me = _waited(calls.me)
    model = _waited(calls.model)
    model_errors = _waited(calls.model_errors)
    reports = _waited(calls.reports)
    report = _waited(calls.report)
    audit = _waited(calls.audit)
    cases = _waited(case_calls.cases)
    case = _waited(case_calls.case)
    add_case = _waited(case_calls.add_case)
    change_case = _waited(case_calls.change_case)
    delete_case = _waited(case_calls.delete_case)
    look_at_case = _waited(case_calls.look_at_case)
    hold_case = _waited(case_calls.hold_case)
    lift_hold = _waited(case_calls.lift_hold)
    approve_case = _waited(case_calls.approve_case)
    mark = _waited(case_calls.mark)
    withdraw_mark = _waited(case_calls.withdraw_mark)
    add_note = _waited(case_calls.add_note)
    case_search = _waited(case_calls.case_search)
    case_image = _waited(case_calls.case_image)
    remove_picture = _waited(case_calls.remove_picture)
    keep_picture = _waited(case_calls.keep_picture)
    near_erased = _waited(case_calls.near_erased)
    asked_erasures = _waited(case_calls.asked_erasures)
    ask_erasure = _waited(case_calls.ask_erasure)
    decide_erasure = _waited(case_calls.decide_erasure)
    audit_chain = _waited(calls.audit_chain)
    case_report = _waited(case_calls.case_report)
    evidence = _waited(case_calls.evidence)
    judgements = _waited(judging.judgements)
    judgement = _waited(judging.judgement)
    add_judgement = _waited(judging.add_judgement)
    next_pair = _waited(judging.next_pair)
    answer_pair = _waited(judging.answer_pair)
    take_answer_back = _waited(judging.take_answer_back)
    use_judgement = _waited(judging.use_judgement)
    delete_judgement = _waited(judging.delete_judgement)

    def wait_for_job(
        self, job: str | wire.Job, *, timeout_s: float | None = None, on_progress: OnProgress | None = None
    ) -> wire.Job:
        """The job once it is done.

        Args:
            job: its id, or what `start_job` gave.
            timeout_s: most seconds to wait; none is for ever.
            on_progress: told of the job whenever it has changed.

        Raises:
            JobFailed: it has failed, or was cancelled.
            JobContinues: it wasn't done in that time; it goes on.
        """
        watch = _Watch(_name(job), timeout_s, on_progress)
        while True:
            busy: Busy | None = None
            try:
                if watch.seen(seen := self.job(watch.name)):
                    return seen
            except Busy as error:
                busy = error
            time.sleep(watch.pause(busy))

    def ready(self) -> bool:
        """Whether the server is there and can search.

        Raises:
            Untrusted: its certificate isn't one that we trust.
        """
        try:
            return self._http.get("/health/ready").status_code == 200
        except httpx2.TransportError as error:
            return _is_away(_unanswered(self._http.base_url, error))

    def enrol_all(self, images: Iterable[Labelled], *, together: int = 16) -> Iterator[wire.Enrolled]:
        """Enrols any number of images, read as they are sent; yields each one's result.

        Args:
            images: each with its `camera`, and perhaps `box`, `taken_at`, `identity`, `track`; neighbours of a camera are sent
                together.
            together: most images in one request.
        """
        for shots, labels in _neighbours(images, together):
            yield from self.enrol(shots, **labels)

    def _answer(self, call: Call[T]) -> T:
        _expect_open(self._http.is_closed)
        attempt = 0
        while True:
            try:
                return _attached(call.read(self._once(call)), Origin(self.image))
            except ClientError as error:
                pause = self._pause(attempt, error)
                if pause is None:
                    raise
            time.sleep(pause)
            attempt += 1

    def _once(self, call: Call[T]) -> httpx2.Response:
        try:
            with call.arguments() as rest:
                if call.out is None:
                    return _checked(self._http.request(call.method, call.path, **rest))
                with self._http.stream(call.method, call.path, **rest) as response:
                    if not response.is_success:
                        response.read()
                    with written(call.out) as file:
                        for piece in _checked(response).iter_bytes():
                            file.write(piece)
                    return response
        except httpx2.TransportError as error:
            raise _unanswered(self._http.base_url, error) from error


class AsyncClient(_Common):
    __doc__ = f"`Client` with methods to await, in an `async with` block.\n{(_Common.__doc__ or '').partition('.')[2]}"

    def __init__(
        self,
        server: str | httpx2.AsyncClient,
        *,
        key: str | None = None,
        ca: Path | None = None,
        timeout_s: float | None = None,
        retries: int = 2,
    ) -> None:
        super().__init__(retries)
        settings = _settings(server, key, ca, timeout_s)
        self._http = httpx2.AsyncClient(base_url=server_url(server), **settings) if isinstance(server, str) else server

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    search = _awaited(calls.search)
    search_each = _awaited(calls.search_each)
    enrol = _awaited(calls.enrol)
    enrol_track = _awaited(calls.enrol_track)
    enrol_frames = _awaited(calls.enrol_frames)
    start_job = _awaited(calls.start_job)
    enrol_footage = _awaited(calls.enrol_footage)
    job = _awaited(calls.job)
    cancel_job = _awaited(calls.cancel_job)
    models = _awaited(calls.models)
    prepare_model = _awaited(calls.prepare_model)
    activate_model = _awaited(calls.activate_model)
    forget_model = _awaited(calls.forget_model)
    embed = _awaited(calls.embed)
    explain = _awaited(calls.explain)
    distances = _awaited(calls.distances)
    sighting = _awaited(calls.sighting)
    image = _awaited(calls.image)
    clip = _awaited(calls.clip)
    browse = _awaited(calls.browse)
    neighbours = _awaited(calls.neighbours)
    counts = _awaited(calls.counts)
    erase = _awaited(calls.erase)
    remove = _awaited(calls.remove)
    gallery = _awaited(calls.gallery)
    cameras = _awaited(calls.cameras)
    plan = _awaited(calls.plan)
    camera = _awaited(calls.camera)
    put_camera = _awaited(calls.put_camera)
    remove_camera = _awaited(calls.remove_camera)
    keys = _awaited(calls.keys)
    add_key = _awaited(calls.add_key)
    end_key = _awaited(calls.end_key)
    calibration = _awaited(calls.calibration)
    queue = _awaited(calls.queue)
    me = _awaited(calls.me)
    model = _awaited(calls.model)
    model_errors = _awaited(calls.model_errors)
    reports = _awaited(calls.reports)
    report = _awaited(calls.report)
    audit = _awaited(calls.audit)
    cases = _awaited(case_calls.cases)
    case = _awaited(case_calls.case)
    add_case = _awaited(case_calls.add_case)
    change_case = _awaited(case_calls.change_case)
    delete_case = _awaited(case_calls.delete_case)
    look_at_case = _awaited(case_calls.look_at_case)
    hold_case = _awaited(case_calls.hold_case)
    lift_hold = _awaited(case_calls.lift_hold)
    approve_case = _awaited(case_calls.approve_case)
    mark = _awaited(case_calls.mark)
    withdraw_mark = _awaited(case_calls.withdraw_mark)
    add_note = _awaited(case_calls.add_note)
    case_search = _awaited(case_calls.case_search)
    case_image = _awaited(case_calls.case_image)
    remove_picture = _awaited(case_calls.remove_picture)
    keep_picture = _awaited(case_calls.keep_picture)
    near_erased = _awaited(case_calls.near_erased)
    asked_erasures = _awaited(case_calls.asked_erasures)
    ask_erasure = _awaited(case_calls.ask_erasure)
    decide_erasure = _awaited(case_calls.decide_erasure)
    audit_chain = _awaited(calls.audit_chain)
    case_report = _awaited(case_calls.case_report)
    evidence = _awaited(case_calls.evidence)
    judgements = _awaited(judging.judgements)
    judgement = _awaited(judging.judgement)
    add_judgement = _awaited(judging.add_judgement)
    next_pair = _awaited(judging.next_pair)
    answer_pair = _awaited(judging.answer_pair)
    take_answer_back = _awaited(judging.take_answer_back)
    use_judgement = _awaited(judging.use_judgement)
    delete_judgement = _awaited(judging.delete_judgement)

    async def wait_for_job(
        self, job: str | wire.Job, *, timeout_s: float | None = None, on_progress: OnProgress | None = None
    ) -> wire.Job:
        """The job once it is done.

        Args:
            job: its id, or what `start_job` gave.
            timeout_s: most seconds to wait; none is for ever.
            on_progress: told of the job whenever it has changed.

        Raises:
            JobFailed: it has failed, or was cancelled.
            JobContinues: it wasn't done in that time; it goes on.
        """
        watch = _Watch(_name(job), timeout_s, on_progress)
        while True:
            busy: Busy | None = None
            try:
                if watch.seen(seen := await self.job(watch.name)):
                    return seen
            except Busy as error:
                busy = error
            await asyncio.sleep(watch.pause(busy))

    async def ready(self) -> bool:
        """Whether the server is there and can search.

        Raises:
            Untrusted: its certificate isn't one that we trust.
        """
        try:
            return (await self._http.get("/health/ready")).status_code == 200
        except httpx2.TransportError as error:
            return _is_away(_unanswered(self._http.base_url, error))

    async def enrol_all(self, images: Iterable[Labelled], *, together: int = 16) -> AsyncIterator[wire.Enrolled]:
        """Enrols any number of images, read as they are sent; yields each one's result.

        Args:
            images: each with its `camera`, and perhaps `box`, `taken_at`, `identity`, `track`; neighbours of a camera are sent
                together.
            together: most images in one request.
        """
        for shots, labels in _neighbours(images, together):
            for enrolled in await self.enrol(shots, **labels):
                yield enrolled

    async def _answer(self, call: Call[T]) -> T:
        _expect_open(self._http.is_closed)
        attempt = 0
        while True:
            try:
                return _attached(call.read(await self._once(call)), Origin(self.image, waits=True))
            except ClientError as error:
                pause = self._pause(attempt, error)
                if pause is None:
                    raise
            await asyncio.sleep(pause)
            attempt += 1

    async def _once(self, call: Call[T]) -> httpx2.Response:
        try:
            with call.arguments() as rest:
                if call.out is None:
                    return _checked(await self._http.request(call.method, call.path, **rest))
                async with self._http.stream(call.method, call.path, **rest) as response:
                    if not response.is_success:
                        await response.aread()
                    with written(call.out) as file:
                        async for piece in _checked(response).aiter_bytes():
                            file.write(piece)
                    return response
        except httpx2.TransportError as error:
            raise _unanswered(self._http.base_url, error) from error


def _neighbours(images: Iterable[Labelled], together: int) -> Iterator[tuple[list[Image], dict[str, Any]]]:
    """Images of one camera that come one after another, so many at most, with a label once where it is the same for all."""
    group: list[Labelled] = []

    def gathered() -> tuple[list[Image], dict[str, Any]]:
        names = dict.fromkeys(name for _, labels in group for name in labels)
        each = {name: [plain(labels.get(name)) for _, labels in group] for name in names}
        return [image for image, _ in group], {
            name: values[0] if all(value == values[0] for value in values) else values for name, values in each.items()
        }

    for image, labels in images:
        if group and (labels.get("camera") != group[0][1].get("camera") or len(group) == together):
            yield gathered()
            group = []
        group.append((image, labels))
    if group:
        yield gathered()


def _settings(server: object, key: str | None, ca: Path | None, timeout_s: float | None) -> dict[str, Any]:
    """Of the HTTP client that is made for a URL.

    Raises:
        TypeError: a ready client, which has its own.
        Untrusted: the file has no certificate.
    """
    given = {"key": key, "ca": ca, "timeout_s": timeout_s}
    if not isinstance(server, str) and (vain := [name for name, value in given.items() if value is not None]):
        raise TypeError(
            f"{listed(vain)} would have no effect on a ready client; set it there, or give the server's URL"
        )
    return {
        "headers": {"Authorization": f"Bearer {key}"} if key else {},
        "timeout": LONGEST_ANSWER_S if timeout_s is None else timeout_s,
        "verify": _trusting(ca),
    }


def _checked(response: httpx2.Response) -> httpx2.Response:
    if response.is_success:
        return response
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    if (request_id := response.headers.get("X-Request-Id")) is not None:
        problem.setdefault("request_id", request_id)
    raise refusal(response.status_code, problem, response.headers.get("Retry-After"))


def _trusting(ca: Path | None) -> ssl.SSLContext | bool:
    """
    Raises:
        Untrusted: the file has no certificate.
    """
    if ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:  # of TLS too
        raise Untrusted(
            f"{ca} can't be read as certificates: {why(error)}; name a file in PEM, such as your authority's ca.pem"
        ) from error


def _is_away(error: ConnectionFailed) -> bool:
    """False, for whoever asks whether it is ready.

    Raises:
        Untrusted: waiting would change nothing.
    """
    if isinstance(error, Untrusted):
        raise error
    return False


def _unanswered(server: object, error: Exception) -> ConnectionFailed:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Untrusted(
            f"{server} shows a certificate that isn't trusted: {cause.verify_message}; name your authority's file (--ca FILE, or ca= in"
            " Python), and ask by a name that stands in the certificate"
        )
    return ConnectionFailed(f"no answer from {server}: {no_answer(error)}; is `rgbir serve` running there?")
