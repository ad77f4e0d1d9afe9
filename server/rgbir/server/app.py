"""The application: nothing runs at import; model and gallery are opened when it starts and closed when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from rgbir.server import errors
from rgbir.server.engine import Engine
from rgbir.server.limits import BodyLimit, SecurityHeaders
from rgbir.server.log import RequestLog
from rgbir.server.routes import page, router
from rgbir.server.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = Engine(settings)
        engine.warm_up()
        app.state.engine = engine
        keeping = asyncio.create_task(engine.keep_house())
        try:
            yield
        finally:
            keeping.cancel()
            engine.close()

    app = FastAPI(
        title="rgbir",
        version=version("rgbir"),
        summary="Find a person seen by an infrared camera in the colour images of other cameras.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )

    app.add_middleware(BodyLimit, max_bytes=settings.max_bytes)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestLog, metrics=lambda: getattr(getattr(app.state, "engine", None), "metrics", None))
    errors.install(app)
    app.include_router(router)
    app.include_router(page)
    return app
