"""The application: nothing runs at import; model and gallery are opened when it starts and closed when it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache
from importlib.metadata import version

from fastapi import Depends, FastAPI

from rgbir.server import tracing
from rgbir.server.access.signing import signer_of
from rgbir.server.cases.casebook import Casebook, Rules
from rgbir.server.engine.archives import Archives
from rgbir.server.engine.clips import Clips
from rgbir.server.engine.engine import Engine
from rgbir.server.engine.films import Films
from rgbir.server.engine.house import keep_house
from rgbir.server.engine.jobs import Jobs
from rgbir.server.engine.swap import ModelSwap
from rgbir.server.http import problems
from rgbir.server.http.certificate import Certificate
from rgbir.server.http.clerk import keep_cases
from rgbir.server.http.door import Door
from rgbir.server.http.known import MOST_FIELD_BYTES, MOST_FIELDS, only_known
from rgbir.server.http.limits import BodyLimit, HeadAsGet, SecurityHeaders
from rgbir.server.http.log import RequestLog
from rgbir.server.http.metrics import Metrics, Shared
from rgbir.server.http.openapi import TAGS, completed, operation_id
from rgbir.server.http.relay import Colleagues, Relay
from rgbir.server.http.root import RootPath, expect_free
from rgbir.server.http.routes import ROUTERS
from rgbir.server.settings import Settings
from rgbir.server.worker import Worker

_log = logging.getLogger(__name__)


def certificate_of(settings: Settings) -> Certificate | None:
    """What the server is to speak TLS with, if it is.

    Raises:
        BadSettings: the files are no pair, or others can read the key.
    """
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return Certificate(settings.tls_cert, settings.tls_key)


def _reopening(app: FastAPI, certificate: Certificate | None) -> Callable[[], None]:
    """What SIGHUP does: the audit log was rotated, or the certificate renewed."""
    running: set[asyncio.Task[None]] = set()

    async def reopen() -> None:
        engine: Engine = app.state.engine
        await engine.reopen_log()
        if certificate is not None:
            await asyncio.to_thread(certificate.look, at_once=True)

    def begin() -> None:
        task = asyncio.create_task(reopen())
        running.add(task)
        task.add_done_callback(running.discard)

    return begin


async def _once_leading(worker: Worker, lead: Callable[[], None]) -> None:
    """Begins with what must be done once. A worker that can't ends, so that another one leads."""
    try:
        await worker.leading()
        lead()
    except Exception:
        _log.exception("worker %d can't lead, so it ends; the error follows", worker.place)
        os.kill(os.getpid(), signal.SIGTERM)


def _casebook(settings: Settings, engine: Engine) -> Casebook:
    """The cases, without anybody who was erased from the gallery.

    Raises:
        BadSettings, CasesUnusable: they can't be opened.
    """
    assert settings.cases is not None
    rules = Rules(
        settings.case_days, settings.need_basis, settings.bases, settings.need_approval, settings.erase_under_hold
    )
    book = Casebook(settings.cases, rules)
    book.heed(engine.gallery)
    return book


def create_app(settings: Settings, certificate: Certificate | None = None, worker: Worker | None = None) -> FastAPI:
    """The application of one server.

    Args:
        certificate: what it is served with, to be looked after while it runs.
        worker: which of the server's processes serves it; None is the only one.

    Raises:
        BadSettings: the root path is one of a route, or the key for evidence can't be used.
    """
    signer = None if settings.evidence_key is None else signer_of(settings.evidence_key)
    worker = worker or Worker()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # First of all, so that a log that is rotated once it is open is not missed; signals come to the main thread only.
        with suppress(RuntimeError, ValueError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reopening(app, certificate))
        engine = Engine(settings, worker)
        engine.now.warm_up()
        models = ModelSwap(engine)
        archives, films = Archives(engine), Films(engine)
        app.state.engine, app.state.models, app.state.archives, app.state.films = engine, models, archives, films
        clips = app.state.clips = Clips(engine)
        app.state.jobs = Jobs(engine, {"archive": archives, "footage": films})
        book = app.state.casebook = None if settings.cases is None else _casebook(settings, engine)
        app.state.signer = signer
        tasks = [asyncio.create_task(clips.go_on()), asyncio.create_task(engine.watch.go_on())]
        if certificate is not None:
            tasks.append(asyncio.create_task(certificate.go_on()))

        def lead() -> None:
            app.state.jobs.resume()
            tasks.append(asyncio.create_task(keep_house(engine, models.expire)))
            if book is not None:
                tasks.append(asyncio.create_task(keep_cases(engine, book)))

        if worker.leads:
            lead()
        else:
            tasks.append(asyncio.create_task(_once_leading(worker, lead)))
            tasks.append(asyncio.create_task(keep_house(engine)))
            tasks.append(asyncio.create_task(app.state.metrics.go_on(engine)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await app.state.jobs.close()
            worker.resign()
            clips.close()
            await models.close()
            engine.close()
            if book is not None:
                book.close()
            if settings.traces:
                app.state.traces.shutdown()

    app = FastAPI(
        title="rgbir",
        version=version("rgbir"),
        summary="Find a person seen by an infrared camera in the colour images of other cameras.",
        lifespan=lifespan,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=[{"name": name, "description": what} for name, what in TAGS.items()],
        generate_unique_id_function=operation_id,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(only_known)],
        form_limits={
            "max_files": 2 * settings.max_images,
            "max_fields": MOST_FIELDS,
            "max_part_size": MOST_FIELD_BYTES,
        },
    )

    app.state.metrics = Metrics(certificate, None if worker.alone else Shared(worker))
    expect_free(settings.root_path, ROUTERS)
    described = app.openapi
    app.openapi = cache(lambda: completed(described(), ROUTERS, settings.root_path))  # type: ignore[method-assign]
    larger = {"/gallery/jobs": settings.max_archive_bytes, "/gallery/footage": settings.max_footage_bytes}
    app.add_middleware(Relay, worker=worker)
    app.add_middleware(BodyLimit, max_bytes=settings.max_bytes, larger=larger, slowest_s=settings.slowest_s)
    app.add_middleware(Door, settings=settings, routers=ROUTERS, worker=worker)
    app.add_middleware(Colleagues, worker=worker)
    app.add_middleware(problems.Unexpected)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(HeadAsGet)
    app.add_middleware(RequestLog, metrics=app.state.metrics)
    if settings.traces:
        app.state.traces = tracing.install(app.add_middleware)
    if settings.root_path:
        app.add_middleware(RootPath, root_path=settings.root_path)
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    return app
