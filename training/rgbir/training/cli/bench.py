"""`rgbir bench train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from rgbir.index import (
    UsageError,
    did_you_mean,
    listed,
)
from rgbir.index.bench.document import Measurement
from rgbir.index.cli.measured import KEPT, KeepOption, StrictOption, begun
from rgbir.index.cli.options import progress
from rgbir.index.cli.output import Answer, in_groups


@in_groups(
    {
        "What is drawn": ("identities", "images", "scratch"),
        "How it is measured": ("updates", "rounds", "device", "workers", "amp"),
        "What becomes of the measurement": KEPT,
    }
)
def bench_train(
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Of batches: tuples, pairs, identities, mixed; may be repeated. All if not given."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, …")] = "cpu",
    workers: Annotated[int, typer.Option(help="Processes that prepare batches.", min=0)] = 0,
    updates: Annotated[int, typer.Option(help="That are counted, in each round.", min=1)] = 5,
    rounds: Annotated[int, typer.Option(help="The figures are medians of as many.", min=1)] = 3,
    small: Annotated[bool, typer.Option("--small", help="A compact network at 128x48, for processors.")] = False,
    amp: Annotated[Literal["off", "bf16"], typer.Option(help="Mixed precision of the network.")] = "off",
    identities: Annotated[int, typer.Option(help="People that are drawn.", min=8)] = 16,
    images: Annotated[int, typer.Option(help="Of each person by each of six cameras.", min=4)] = 6,
    scratch: Annotated[
        Path | None, typer.Option(help="Where people are drawn; the system's temporary folder by default.")
    ] = None,
    keep: KeepOption = None,
    strict: StrictOption = False,
) -> Answer[Measurement]:
    """The training loop against the same network on ready tensors, the batches alone, and the workers' memory.

    Examples:
        rgbir bench train --small --updates 3
        rgbir bench train --kind tuples --device cuda --workers 6 --amp bf16 --json
    """
    from rgbir.training.bench import KINDS, ratios
    from rgbir.training.bench import bench_train as measure

    if unknown := [name for name in kind or () if name not in KINDS]:
        raise UsageError(f"no kind of batch {unknown[0]!r}{did_you_mean(unknown[0], KINDS)}; there are {listed(KINDS)}")
    kinds = kind or list(KINDS)
    settings = {
        "kind": kinds, "small": small, "updates": updates, "rounds": rounds, "device": device, "workers": workers, "amp": amp,
        "identities": identities, "images": images,
    }  # fmt: skip
    measuring = begun("train", settings, ("torch", "numpy", "pillow"), keep)
    with progress("measuring", len(kinds)) as advance:
        figures = measure(
            kinds,
            device,
            workers,
            updates,
            rounds,
            small,
            amp,
            identities,
            images,
            scratch,
            done=lambda name: advance(1),
        )
    return measuring.answer(figures, ratios(figures), strict)
