"""The page, the example queries it offers, and the API page."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from rgbir.server.access.keys import Key
from rgbir.server.engine.engine import Engine
from rgbir.server.errors import NotThere
from rgbir.server.http.api_page import api_page
from rgbir.server.http.guard import Searching, Serving

router = APIRouter(include_in_schema=False)


_PAGE = {
    "index.html": "text/html",
    "page.js": "text/javascript",
    "page.css": "text/css",
    "api.css": "text/css",
    "icon.svg": "image/svg+xml",
}


@router.get("/")
async def index() -> Response:
    return _asset("index.html")


@router.get("/page/{name}")
async def asset(name: str) -> Response:
    return _asset(name)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """All routes, for people; open to everybody, as the OpenAPI document is."""
    return HTMLResponse(api_page(request.app.openapi()))


@router.get("/samples")
async def samples(engine: Serving, caller: Searching) -> list[dict[str, str]]:
    folder = engine.settings.samples
    names = [] if folder is None else sorted(path.name for path in folder.glob("*.jpg"))
    return [{"name": name, "camera": _camera(name)} for name in names if _seen(engine, caller, name)]


@router.get("/samples/{name}")
async def sample(engine: Serving, caller: Searching, name: str) -> Response:
    folder = engine.settings.samples
    known = {} if folder is None else {path.name: path for path in folder.glob("*.jpg")}
    if name not in known or not _seen(engine, caller, name):
        raise NotThere(f"no sample {name!r}")
    return Response(known[name].read_bytes(), media_type="image/jpeg")


def _camera(sample: str) -> str:
    return sample.split("_")[0]


def _seen(engine: Engine, caller: Key, sample: str) -> bool:
    """Whether the key sees the camera that took it."""
    network, camera = engine.gallery.network, _camera(sample)
    return caller.sees(network[camera].id if camera in network else camera)


def _asset(name: str) -> Response:
    if name not in _PAGE:
        raise NotThere(f"the page has no file {name!r}")
    content = files("rgbir.server") / "page" / name
    return Response(content.read_bytes(), media_type=f"{_PAGE[name]}; charset=utf-8")
