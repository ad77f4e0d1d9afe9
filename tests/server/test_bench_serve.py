"""A server of its own process is measured beside the same work without one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.conftest import BUNDLE

from rgbir.server.bench.serve import STAGES, bench_serve, ratios
from rgbir.server.errors import ServerFailure


@pytest.mark.slow
def test_searches_over_http_are_measured_beside_the_loop_without_it() -> None:
    figures = bench_serve(BUNDLE, sightings=100, requests=3, connections=2)

    parts = [figures[f"{part}_ms"] for part in (*STAGES, "http")]
    assert sum(parts) == pytest.approx(figures["lone_ms"])
    assert min(parts) > 0
    assert figures["ready_s"] > 0
    assert figures["together_p50_ms"] <= figures["together_p99_ms"]
    assert ratios(figures) == {
        "lone_against_bare": pytest.approx(figures["bare_ms"] / figures["lone_ms"]),
        "together_against_bare": pytest.approx(figures["searches_per_s"] * figures["bare_ms"] / 1000),
    }


@pytest.mark.slow
def test_a_server_that_doesn_t_start_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The gallery is made with the bundle, and the bundle is another one when the server starts."""
    from rgbir.server.bench import serve

    copied = shutil.copytree(BUNDLE, tmp_path / "bundle")

    def spoilt(*_: object) -> float:
        (copied / "weights.bin").write_bytes(b"others")
        return 1.0

    monkeypatch.setattr(serve, "_bare", spoilt)
    with pytest.raises(ServerFailure, match="the server ended with 2"):
        bench_serve(copied, sightings=100, requests=1)
    assert "weights.bin" in capfd.readouterr().err
