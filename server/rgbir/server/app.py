"""The application: nothing runs at import; model and gallery are opened when it starts and closed when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from rgbir.server import errors, tracing
from rgbir.server.engine import Engine
from rgbir.server.jobs import Jobs
from rgbir.server.limits import BodyLimit, SecurityHeaders
from rgbir.server.log import RequestLog
from rgbir.server.models import Models
from rgbir.server.openapi import completed
from rgbir.server.routes import page, router
from rgbir.server.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = Engine(settings)
        engine.now.warm_up()
        models = Models(engine)
        app.state.engine, app.state.jobs, app.state.models = engine, Jobs(engine), models
        app.state.jobs.resume()
        keeping = asyncio.create_task(engine.keep_house(models.expire))
        try:
            yield
        finally:
            keeping.cancel()
            await app.state.jobs.close()
            await models.close()
            engine.close()
            if settings.traces:
                app.state.traces.shutdown()

    app = FastAPI(
        title="rgbir",
        version=version("rgbir"),
        summary="Find a person seen by an infrared camera in the colour images of other cameras.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )

    described = app.openapi

    app.openapi = lambda: completed(described())  # type: ignore[method-assign]
    larger = {"/gallery/jobs": settings.max_archive_bytes}
    app.add_middleware(BodyLimit, max_bytes=settings.max_bytes, larger=larger, slowest_s=settings.slowest_s)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestLog, metrics=lambda: getattr(getattr(app.state, "engine", None), "metrics", None))
    if settings.traces:
        tracing.install(app)
    errors.install(app)
    app.include_router(router)
    app.include_router(page)
    return app
