"""`rgbir bench serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from rgbir.index.bench.document import Measurement
from rgbir.index.cli.bench import ENCODING, SEARCHING
from rgbir.index.cli.measured import KEPT, KeepOption, StrictOption, begun
from rgbir.index.cli.options import BundleOption
from rgbir.index.cli.output import Answer, in_groups

SERVING = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "python-multipart", "pydantic")


@in_groups({"What becomes of the measurement": KEPT})
def bench_serve(
    bundle: BundleOption,
    sightings: Annotated[int, typer.Option(help="Rows of the gallery, which are drawn.", min=100)] = 1000,
    requests: Annotated[int, typer.Option(help="Searches of each client.", min=1)] = 500,
    connections: Annotated[int, typer.Option(help="Clients at once, after the lone one.", min=1, max=1000)] = 8,
    workers: Annotated[int, typer.Option(help="Processes of the server.", min=1, max=64)] = 1,
    keep: KeepOption = None,
    strict: StrictOption = False,
) -> Answer[Measurement]:
    """Searches over HTTP, by one client and by several, against the same work in one process.

    The server is a process of its own with its usual settings. It tells the time of each stage, and the rest is HTTP's.

    Examples:
        rgbir bench serve --bundle BUNDLE
        rgbir bench serve --bundle BUNDLE --sightings 100000 --connections 32
        rgbir bench serve --bundle BUNDLE --workers 2
    """
    from rgbir.server.bench.serve import bench_serve as measure
    from rgbir.server.bench.serve import ratios

    settings = {
        "bundle": bundle.name,
        "sightings": sightings,
        "requests": requests,
        "connections": connections,
        "workers": workers,
    }
    measuring = begun("serve", settings, (*SERVING, *ENCODING, *SEARCHING), keep)
    figures = measure(bundle, sightings, requests, connections, workers)
    return measuring.answer(figures, ratios(figures), strict)
