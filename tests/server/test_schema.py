"""Whatever fits the OpenAPI document, and much that doesn't, gets a documented answer and never a 5xx but 501."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.conftest import BUNDLE, ROOT

from rgbir.index import CameraNetwork, Encoder, Gallery, SysuMM01, enrol
from rgbir.server import Settings, create_app


def nothing_fails(ctx: Any, response: Any, case: Any) -> bool | None:
    """No 5xx, but for 501, by which a server says what it was started without: a detector, or what decodes films."""
    return None if response.status_code == 501 else not_a_server_error(ctx, response, case)


CHECKS = [nothing_fails, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, people: SysuMM01, encoder: Encoder) -> Iterator[str]:
    """A real server on a socket, with an audit log and small limits."""
    folder = tmp_path_factory.mktemp("schema")
    with Gallery.open_or_create(folder / "gallery", encoder.card, CameraNetwork.read("sysu-mm01")) as gallery:
        enrol(people.records("test", (1, 2)), encoder, gallery)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    asked = Settings(
        folder / "gallery", BUNDLE, threads=1, max_bytes=200_000, audit=Path(folder / "audit.jsonl"), no_retention=True
    )
    server = uvicorn.Server(uvicorn.Config(create_app(asked), port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


DOCUMENT = json.loads((ROOT / "docs/openapi.json").read_text())
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]
API = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.mark.parametrize("examples", [8, pytest.param(400, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_a_documented_one(served: str, path: str, method: str, examples: int) -> None:
    operation = API[path][method]

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        case.call_and_validate(base_url=served, checks=CHECKS)

    ask()
