"""`rgbir bench synthetic`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rgbir.index.bench.document import Measurement
from rgbir.index.cli.measured import KeepOption, begun
from rgbir.index.cli.options import progress
from rgbir.index.cli.output import Answer
from rgbir.index.errors import UsageError
from rgbir.index.synthetic.drawing2.sysu import SIZES
from rgbir.index.synthetic.drawing2.world import KNOBS, knobs


def bench_synthetic(
    context: typer.Context,
    networks: Annotated[int, typer.Option(help="Untrained networks; their mean counts.", min=1)] = 5,
    seed: Annotated[int, typer.Option(help="Of the drawing.", min=0)] = 0,
    run: Annotated[Path | None, typer.Option(help="A run that was trained on --size small.")] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(help=f"Switched off in the pictures, with --run: {', '.join(KNOBS)}; may be repeated."),
    ] = None,
    scratch: Annotated[
        Path | None, typer.Option(help="Where people are drawn; the system's temporary folder by default.")
    ] = None,
    keep: KeepOption = None,
) -> Answer[Measurement]:
    """Whether drawing 2 of synthetic people is as hard as it should be: what must not find them, and what must.

    Figures are rank-1 in percent, infrared to colour, on the 60 people whom `--size small` holds back. With `--run` they are
    what that network finds of them: across the modalities, in colour, and in infrared. The share of look-alikes among its
    wrong first answers stands beside them.

    Examples:
        rgbir bench synthetic
        rgbir bench synthetic --networks 2 --seed 1 --json
        rgbir bench synthetic --run runs/strong --without sensor
    """
    from rgbir.training.bench_synthetic import bench_synthetic as measure
    from rgbir.training.bench_synthetic import bench_trained

    if without and run is None:
        raise UsageError("--without goes with --run: the checks without a run are those of the whole drawing")
    if run is not None and getattr(context.get_parameter_source("networks"), "name", "") == "COMMANDLINE":
        raise UsageError("--networks counts untrained networks, and --run names a trained one; leave one out")
    small = SIZES["small"]
    settings = {"size": "small", "seed": seed} | (
        {"networks": networks} if run is None else {"run": run.name, "without": sorted(without or [])}
    )
    measuring = begun("synthetic", settings, ("torch", "numpy", "pillow"), keep)
    with progress("drawing", 6 * small.split.val * small.images) as advance:
        if run is not None:
            figures = bench_trained(run, "small", seed, knobs(without or []), scratch, done=advance)
        else:
            figures = measure("small", networks, seed, scratch, done=advance)
    return measuring.answer(figures, {})
