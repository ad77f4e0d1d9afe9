"""What several files about the server begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute
from tests.conftest import BUNDLE
from tests.index.yard import network

from rgbir.index import Encoder, Gallery
from rgbir.server import Settings
from rgbir.server.access.keys import Keyring
from rgbir.server.http import app


class _Sharing(FastAPI):
    """An application whose routes are those of all others in this process: looking at their parameters takes 0.2 s."""

    included: ClassVar[dict[int, list[BaseRoute]]] = {}

    def include_router(self, router: APIRouter) -> None:  # type: ignore[override]
        if id(router) not in self.included:
            around = APIRouter(
                dependencies=self.router.dependencies,
                generate_unique_id_function=self.router.generate_unique_id_function,
            )
            around.include_router(router)
            self.included[id(router)] = around.routes
        self.router.routes.extend(self.included[id(router)])


@pytest.fixture(scope="session", autouse=True)
def shared_routes() -> Iterator[None]:
    """Processes in tests/server/test_site.py and its like have routes of their own."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(app, "FastAPI", _Sharing)
        yield


@pytest.fixture
def empty(tmp_path: Path, encoder: Encoder) -> Path:
    """A gallery of two cameras, door and yard, that holds nothing."""
    Gallery.open_or_create(tmp_path / "gallery", encoder.card, network(["door", "yard"])).close()
    return tmp_path / "gallery"


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    """Keys that a server will ask for; none yet."""
    return Keyring(tmp_path / "keys.json")


@pytest.fixture
def settings(gallery: Gallery, ring: Keyring, tmp_path: Path) -> Settings:
    """Of a server with keys and an audit log."""
    return Settings(gallery.folder, BUNDLE, threads=1, keys=ring.file, audit=tmp_path / "audit.jsonl")
