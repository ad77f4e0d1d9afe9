"""All parts of `rgbir bench gpu`, and what they say of each other."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rgbir.export.bench.part import measured
from rgbir.export.bench.settings import Figures, Settings

PARTS = ("machine", "search", "encode", "network")
"""Modules of this folder; the last compiles, which may take all the time that is left."""
LATER = 0.2
"""Share of all time that is kept for each part that is yet to come."""
SMALL = Settings(
    "", backbone="compact", height=128, width=48, batch=4, rows=(1_000, 2_000), dimension=64, copied=2**20, repeats=3
)
"""Quick on a processor."""


def bench_gpu(
    settings: Settings | None = None,
    limit_s: float = 180.0,
    scratch: Path | None = None,
    done: Callable[[str], object] = lambda part: None,
) -> Figures:
    """Figures of a GPU, medians, each part in a process of its own.

    What could not be measured is there under its name, in words: `not measured: …`.

    Args:
        settings: what is measured; its folder is made here.
        limit_s: seconds for all together; what isn't measured by then is not.
        scratch: where the network's bundle is made, the system's temporary folder if not given.
        done: called with each part that has ended.
    """
    ends = time.monotonic() + limit_s
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        chosen = replace(settings or Settings(""), scratch=folder)
        figures: Figures = {
            "device": chosen.device, "backbone": chosen.backbone, "height": chosen.height, "width": chosen.width,
            "batch": chosen.batch, "dimension": chosen.dimension, "queries_joined": chosen.queries,
        }  # fmt: skip
        for number, part in enumerate(PARTS, 1):
            started = time.monotonic()
            kept_s = LATER * limit_s * (len(PARTS) - number)
            figures |= measured(f"rgbir.export.bench.{part}", chosen, ends - started - kept_s)
            figures[f"{part}_part_s"] = time.monotonic() - started
            done(part)
    return figures


def ratios(figures: Figures) -> dict[str, float]:
    """Searches beside the copy, and each encoder beside torch's plain float32."""
    numbers = {name: value for name, value in figures.items() if type(value) is float}
    shares: dict[str, float] = {}
    for name, value in numbers.items():
        if name.startswith("search_") and name.endswith("_gb_per_s") and "copy_gb_per_s" in numbers:
            stem = name.removesuffix("_gb_per_s")
            shares[f"{stem}_of_copy_reads"] = value / (numbers["copy_gb_per_s"] / 2)
            shares[f"{stem}_of_copy_traffic"] = value / numbers["copy_gb_per_s"]
        if name.startswith(("encode_", "torch_")) and name.endswith("_per_s") and "torch_float32_per_s" in numbers:
            shares[f"{name.removesuffix('_per_s')}_of_torch_float32"] = value / numbers["torch_float32_per_s"]
    if {"encode_ours_per_s", "torch_float32_host_per_s"} <= numbers.keys():
        shares["encode_ours_of_torch_float32_host"] = numbers["encode_ours_per_s"] / numbers["torch_float32_host_per_s"]
    shares.pop("torch_float32_of_torch_float32", None)
    return shares
