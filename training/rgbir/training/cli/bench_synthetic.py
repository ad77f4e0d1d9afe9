"""`rgbir bench synthetic`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rgbir.index.cli.bench import Figures, figured
from rgbir.index.cli.options import progress
from rgbir.index.cli.output import Answer
from rgbir.index.synthetic.drawing2.sysu import SIZES


def bench_synthetic(
    networks: Annotated[int, typer.Option(help="Untrained networks; their mean counts.", min=1)] = 5,
    seed: Annotated[int, typer.Option(help="Of the drawing.", min=0)] = 0,
    scratch: Annotated[
        Path | None, typer.Option(help="Where people are drawn; the system's temporary folder by default.")
    ] = None,
) -> Answer[Figures]:
    """Whether drawing 2 of synthetic people is as hard as it should be: what must not find them, and what must.

    Figures are rank-1 in percent, infrared to colour, on the 60 people whom `--size small` holds back.

    Examples:
        rgbir bench synthetic
        rgbir bench synthetic --networks 2 --seed 1 --json
    """
    from rgbir.training.bench_synthetic import bench_synthetic as measure

    small = SIZES["small"]
    with progress("drawing", 6 * small.split.val * small.images) as advance:
        return figured(measure("small", networks, seed, scratch, done=advance))
