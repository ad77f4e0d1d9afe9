"""`rgbir bench footage`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rgbir.footage.bench import bench_footage as measure
from rgbir.footage.bench import ratios
from rgbir.footage.cli.options import MOTION, DetectorOption, SampleOption, detector_named
from rgbir.index.bench.document import Measurement
from rgbir.index.cli.measured import KeepOption, StrictOption, begun
from rgbir.index.cli.options import ThreadsOption, progress
from rgbir.index.cli.output import Answer


def bench_footage(
    detector: DetectorOption = MOTION,
    sample: SampleOption = 5.0,
    seconds: Annotated[float, typer.Option(help="Of the film that is drawn.", min=1.0, max=600.0)] = 20.0,
    rounds: Annotated[int, typer.Option(help="The figures are medians of as many.", min=1)] = 3,
    threads: ThreadsOption = None,
    scratch: Annotated[
        Path | None, typer.Option(help="Where the film is written; the system's temporary folder by default.")
    ] = None,
    keep: KeepOption = None,
    strict: StrictOption = False,
) -> Answer[Measurement]:
    """People found in a film, against the bare decoder in the same run.

    Examples:
        rgbir bench footage
        rgbir bench footage --detector nanodet --seconds 60 --json
    """
    finder = detector_named(detector, threads)
    found_by = MOTION if finder is None else finder.found_by
    settings = {"detector": found_by, "sample": sample, "seconds": seconds, "rounds": rounds, "threads": threads}
    measuring = begun("footage", settings, ("av", "numpy", "pillow", "onnxruntime"), keep)
    with progress("measuring", rounds) as advance:
        figures = measure(seconds, finder, sample, rounds, scratch, done=lambda: advance(1))
    return measuring.answer(figures, ratios(figures), strict)
