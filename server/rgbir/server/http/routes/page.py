"""The page, the example queries it offers, and the API page."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from rgbir.server.access.keys import Key
from rgbir.server.engine.engine import Engine
from rgbir.server.errors import NotThere
from rgbir.server.http.api_page import api_page
from rgbir.server.http.guard import Searching, Serving

router = APIRouter(include_in_schema=False)


_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_PAGE = files("rgbir.server") / "page"


def _names(folder: Traversable, above: str = "") -> Iterator[str]:
    """Every file of the page that a browser asks for, by its path below `page/`."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _names(entry, f"{above}{entry.name}/")
        elif PurePosixPath(entry.name).suffix in _TYPES:
            yield f"{above}{entry.name}"


_NAMES = frozenset(_names(_PAGE))


@router.get("/")
async def index(request: Request) -> Response:
    return _asset(request, "index.html")


@router.get("/page/{file:path}")
async def asset(request: Request, file: str) -> Response:
    return _asset(request, file)


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


@cache
def _content(name: str, squeezed: bool) -> bytes:
    """Kept, since the files don't change while the server runs."""
    content = _PAGE.joinpath(name).read_bytes()
    return gzip.compress(content, 9, mtime=0) if squeezed else content


def _asset(request: Request, name: str) -> Response:
    if name not in _NAMES:
        raise NotThere(f"the page has no file {name!r}")
    squeezed = "gzip" in request.headers.get("accept-encoding", "")
    # Asked for again at each visit: a newer server must not be met by an older page.
    headers = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if squeezed:
        headers["Content-Encoding"] = "gzip"
    kind = _TYPES[PurePosixPath(name).suffix]
    return Response(_content(name, squeezed), media_type=f"{kind}; charset=utf-8", headers=headers)
