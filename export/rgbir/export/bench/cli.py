"""`rgbir bench gpu`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from rgbir.index import UsageError
from rgbir.index.bench.document import Measurement
from rgbir.index.cli.bench import ENCODING, SEARCHING
from rgbir.index.cli.measured import KEPT, KeepOption, StrictOption, begun
from rgbir.index.cli.options import progress
from rgbir.index.cli.output import Answer, in_groups


@in_groups({"What becomes of the measurement": KEPT})
def bench_gpu(
    device: Annotated[Literal["cuda", "cpu"], typer.Option(help="What is measured.")] = "cuda",
    small: Annotated[bool, typer.Option("--small", help="A compact network and few rows, for processors.")] = False,
    batch: Annotated[int | None, typer.Option(help="Images that go through the network together: 32.", min=1)] = None,
    rows: Annotated[
        list[int] | None,
        typer.Option(help="That are searched; may be repeated. 1,000,000 and 10,000,000 if not given.", min=100),
    ] = None,
    limit: Annotated[float, typer.Option(help="Seconds; what isn't measured by then is named.", min=1.0)] = 180.0,
    scratch: Annotated[
        Path | None, typer.Option(help="Where the bundle is made; the system's temporary folder by default.")
    ] = None,
    keep: KeepOption = None,
    strict: StrictOption = False,
) -> Answer[Measurement]:
    """A GPU's memory, expAT's network in ONNX Runtime and torch, and FAISS's flat search.

    What fails doesn't end the rest: it is named, with the reason.

    Examples:
        rgbir bench gpu
        rgbir bench gpu --device cpu --small --json
    """
    import torch

    from rgbir.export.bench.gpu import PARTS, SMALL, ratios
    from rgbir.export.bench.gpu import bench_gpu as measure
    from rgbir.export.bench.settings import Settings

    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("torch sees no GPU here; --device cpu --small measures the same on the processor")
    settings = replace(SMALL if small else Settings(""), device=device)
    settings = replace(settings, batch=batch or settings.batch, rows=tuple(rows or settings.rows))
    given = {"device": device, "small": small, "batch": settings.batch, "rows": list(settings.rows)}
    measuring = begun("gpu", given, ("torch", "onnx", *ENCODING, *SEARCHING), keep)
    with progress("measuring", len(PARTS)) as advance:
        figures = measure(settings, limit, scratch, done=lambda part: advance(1))
    return measuring.answer(figures, ratios(figures), strict)
