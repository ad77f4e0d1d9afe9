"""`rgbir bench …`: beside the bare libraries in the same run. Other parts add commands by `rgbir.commands.bench`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from rgbir.index.cli.options import BundleOption, JsonFlag
from rgbir.index.gallery.model import Storage

bench = typer.Typer(
    help="What this machine does, against the bare libraries in the same run.",
    no_args_is_help=True,
    add_completion=False,
)


@bench.command("search")
def bench_search_command(
    sightings: Annotated[int, typer.Option(min=100)] = 20_000,
    dimension: Annotated[int, typer.Option(min=2)] = 512,
    noise: Annotated[bool, typer.Option("--noise", help="Rows without people in them: the worst for a bound.")] = False,
    storage: Annotated[Storage, typer.Option(help="How the gallery keeps embeddings.")] = Storage.FLOAT32,
    device: Annotated[
        Literal["cpu", "gpu", "auto"],
        typer.Option(help="Where embeddings are searched; auto takes GPUs where there are some."),
    ] = "cpu",
    scratch: Annotated[
        Path | None, typer.Option(help="Where the gallery is made; the system's temporary folder by default.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Add, open, search and remove, against bare flat FAISS and the memory's bandwidth."""
    from rgbir.index.bench.search import bench_search

    print_figures(
        bench_search(sightings, dimension, noise=noise, storage=storage, device=device, scratch=scratch), as_json
    )


@bench.command("encode")
def bench_encode_command(bundle: BundleOption, as_json: JsonFlag = False) -> None:
    """Bulk enrolment against the bare ONNX Runtime session."""
    from rgbir.index.bench.encode import bench_encode

    print_figures(bench_encode(bundle), as_json)


@bench.command("evaluate")
def bench_evaluate_command(dimension: Annotated[int, typer.Option(min=2)] = 2048, as_json: JsonFlag = False) -> None:
    """SYSU-MM01's protocol at full size on drawn features, against a loop over queries."""
    from rgbir.index.bench.evaluation import bench_evaluation

    print_figures(bench_evaluation(dimension), as_json)


def print_figures(figures: dict[str, Any], as_json: bool) -> None:
    """A line for each by its name, or one of JSON."""
    if as_json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:>34}  {value:,.3f}" if isinstance(value, float) else f"{name:>34}  {value}")
