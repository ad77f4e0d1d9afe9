"""A server that keeps cases, and people who have keys to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.server.test_keys import bearer

from rgbir.client import Client
from rgbir.index import SysuMM01, read_bytes
from rgbir.server import Settings, create_app
from rgbir.server.access.keys import Keyring, Role

NAMES = {"weber": Role.SEARCH, "okafor": Role.SEARCH, "lindner": Role.ADMIN, "chief": Role.ADMIN}


class Office:
    """Everybody's client of one server."""

    def __init__(self, http: TestClient, tokens: dict[str, str]) -> None:
        self.http, self.tokens = http, tokens

    def __call__(self, name: str) -> Client:
        self.http.headers.update(bearer(self.tokens[name]))
        return Client(self.http, retries=0)


@pytest.fixture
def tokens(ring: Keyring) -> dict[str, str]:
    return {name: ring.add(name, role) for name, role in NAMES.items()}


@pytest.fixture
def open_office(settings: Settings, tokens: dict[str, str], tmp_path: Path) -> Callable[..., object]:
    """Opens a server with cases: `with open_office(need_approval=True) as office`."""

    @contextmanager
    def opened(**more: object) -> Iterator[Office]:
        with_cases = replace(settings, cases=tmp_path / "cases", **more)  # type: ignore[arg-type]
        with TestClient(create_app(with_cases), base_url="http://127.0.0.1", raise_server_exceptions=False) as http:
            yield Office(http, tokens)

    return opened


@pytest.fixture
def office(open_office: Callable[..., object]) -> Iterator[Office]:
    with open_office() as opened:  # type: ignore[attr-defined]
        yield opened


@pytest.fixture
def night(people: SysuMM01) -> bytes:
    """A night picture by camera 3."""
    return read_bytes(next(people.records("test", (3,))).path)
