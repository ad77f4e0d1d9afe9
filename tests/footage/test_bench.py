"""`rgbir bench footage`."""

from __future__ import annotations

import pytest

from rgbir.footage.cli.bench import bench_footage


@pytest.mark.slow
def test_the_bench_stands_beside_the_bare_decoder_and_tells_every_stage() -> None:
    figures = bench_footage(seconds=1.0, rounds=1, sample=5.0).content.figures

    assert figures["found by"] == "motion"
    assert figures["film"] == "1 s, 1280x720, 10 frames/s, 5 looked at, H.264"
    ours, bare = figures["times real time"], figures["times real time, bare decoder"]
    assert ours > 0
    assert figures["share of the bare decoder's speed"] == pytest.approx(ours / bare, rel=0.05)
    for part in ("decoding", "the rest", "bare decoder"):
        assert figures[f"processor seconds a minute of footage, {part}"] > 0
    assert {"ms a frame, read", "ms a frame, motion", "ms a frame, track", "ms a frame, shots"} <= set(figures)
