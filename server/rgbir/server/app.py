"""The application: nothing runs at import; model and gallery are opened when it starts and closed when it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI, Request, Response

from rgbir.server import errors
from rgbir.server.engine import Engine
from rgbir.server.limits import BodyLimit
from rgbir.server.routes import page, router
from rgbir.server.settings import Settings

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self';"
    " form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app(settings: Settings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = Engine(settings)
        engine.warm_up()
        app.state.engine = engine
        try:
            yield
        finally:
            engine.close()

    app = FastAPI(
        title="rgbir",
        version=version("rgbir"),
        summary="Find a person seen by an infrared camera in the colour images of other cameras.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )

    @app.middleware("http")
    async def guarded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    app.add_middleware(BodyLimit, max_bytes=settings.max_bytes)
    errors.install(app)
    app.include_router(router)
    app.include_router(page)
    return app
