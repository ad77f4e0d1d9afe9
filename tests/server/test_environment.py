"""Where a server is put: the variables, ports and folders that it finds there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.conftest import BUNDLE
from tests.site.media import disk
from tests.site.server import Site

from rgbir.client import config
from rgbir.index import Gallery
from rgbir.server import Settings, create_app

LINKS = {
    "RGBIR_SERVICE_HOST": "10.0.0.1",
    "RGBIR_SERVICE_PORT": "8077",
    "RGBIR_SERVICE_PORT_HTTP": "8077",
    "RGBIR_PORT": "tcp://10.0.0.1:8077",
    "RGBIR_PORT_8077_TCP": "tcp://10.0.0.1:8077",
    "RGBIR_PORT_8077_TCP_PROTO": "tcp",
    "RGBIR_PORT_8077_TCP_PORT": "8077",
    "RGBIR_PORT_8077_TCP_ADDR": "10.0.0.1",
    "RGBIR_SEARCH_V2_SERVICE_HOST": "10.0.0.2",
    "RGBIR_SEARCH_V2_PORT_80_TCP_ADDR": "10.0.0.2",
}
"""What Kubernetes sets in every pod beside Services named rgbir and rgbir-search-v2."""


@pytest.fixture
def site(tmp_path: Path, gallery: Gallery) -> Site:
    gallery.close()
    return Site(tmp_path)


@pytest.mark.slow
def test_what_orchestrators_and_uvicorn_s_variables_say_stops_no_server(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**LINKS, "WEB_CONCURRENCY": "4", "UVICORN_PORT": "1", "UVICORN_WORKERS": "3"}.items():
        monkeypatch.setenv(name, value)
    with site.server() as server:
        assert not server.ended, server.printed()
        assert server.ready()[0] == 200


@pytest.mark.parametrize("name", ["RGBIR_SERVE__PROT", pytest.param("RGBIR_SERVICE", marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_variable_that_is_misspelt_is_still_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert all(config._of_a_service(*link) for link in LINKS.items())
    assert not config._of_a_service(name, "8077")
    assert not config._of_a_service("RGBIR_PORT", "8077")
    process = subprocess.run(
        [sys.executable, "-c", "from rgbir.client.cli import main; main()", "serve"],
        env={**os.environ, name: "8077"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 2
    assert f"no option has the variable {name}" in process.stderr


@pytest.mark.slow
def test_a_port_in_use_is_told_before_anything_is_said_of_listening(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, site.server(port=other.getsockname()[1]) as server:
        assert server.ended
        assert "can't listen on 127.0.0.1:" in server.printed()
        assert "Ctrl-C ends it" not in server.printed()
        assert server.process.returncode == 2


def test_head_is_answered_wherever_get_is(gallery: Gallery) -> None:
    with TestClient(create_app(Settings(gallery.folder, BUNDLE, threads=1)), base_url="http://127.0.0.1") as http:
        for path in ("/health/live", "/health/ready", "/gallery", "/", "/openapi.json"):
            asked, given = http.head(path), http.get(path)
            assert (asked.status_code, asked.content) == (given.status_code, b"") == (200, b"")
            assert asked.headers["content-type"] == given.headers["content-type"]
        assert http.head("/search").status_code == http.get("/search").status_code == 405


@pytest.mark.slow
def test_a_full_temporary_folder_is_told_by_its_name(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with disk(tmp_path / "small", 8) as small:
        monkeypatch.setenv("TMPDIR", str(small))
        with site.server() as server:
            refused = server.archive(os.urandom(20 << 20))
            assert refused.status_code == 507
            assert f"temporary folder, {small}, is full" in refused.json()["detail"]
            assert server.ready()[0] == 200
