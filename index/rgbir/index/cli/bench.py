"""`rgbir bench …`: beside the bare libraries in the same run. Other parts add commands by `rgbir.commands.bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from rgbir.index.cli.options import BundleOption
from rgbir.index.cli.output import Answer
from rgbir.index.gallery.model import Storage

Figures = dict[str, Any]
"""What was measured, by its name: numbers, and what they were measured on."""
bench = typer.Typer(
    help="What this machine does, against the bare libraries in the same run.",
    no_args_is_help=True,
    add_completion=False,
)


@bench.command("search")
def bench_search_command(
    sightings: Annotated[int, typer.Option(help="How many are drawn.", min=100)] = 20_000,
    dimension: Annotated[int, typer.Option(help="Values of an embedding.", min=2)] = 512,
    noise: Annotated[bool, typer.Option("--noise", help="Rows without people in them: the worst for a bound.")] = False,
    storage: Annotated[Storage, typer.Option(help="How the gallery keeps embeddings.")] = Storage.FLOAT32,
    device: Annotated[
        Literal["cpu", "gpu", "auto"],
        typer.Option(help="Where embeddings are searched; auto takes GPUs where there are some."),
    ] = "cpu",
    scratch: Annotated[
        Path | None, typer.Option(help="Where the gallery is made; the system's temporary folder by default.")
    ] = None,
    peers: Annotated[
        bool, typer.Option("--peers", help="Ask FAISS set up by hand, and other engines that are installed.")
    ] = False,
) -> Answer[Figures]:
    """Add, open, search and remove, against bare flat FAISS and the memory's bandwidth.

    Engines that `--peers` asks: usearch, hnswlib, lancedb, qdrant-client and milvus-lite.

    Examples:
        rgbir bench search --sightings 100000 --dimension 2048
        rgbir bench search --peers
        rgbir bench search --storage float16 --device gpu --json
    """
    from rgbir.index.bench.search import bench_search

    figures = bench_search(
        sightings, dimension, noise=noise, storage=storage, device=device, scratch=scratch, peers=peers
    )
    return figured(figures)


@bench.command("rerank")
def bench_rerank_command(
    sightings: Annotated[int, typer.Option(help="How many are drawn.", min=100)] = 20_000,
    dimension: Annotated[int, typer.Option(help="Values of an embedding.", min=2)] = 512,
    queries: Annotated[int, typer.Option(help="Searches of each kind.", min=3)] = 20,
    rerank: Annotated[str, typer.Option(help="How: aim, or with settings aim:k1,k2.")] = "aim",
    scratch: Annotated[
        Path | None, typer.Option(help="Where the gallery is made; the system's temporary folder by default.")
    ] = None,
) -> Answer[Figures]:
    """Re-ranked searches beside plain ones: lists made and kept, their memory, and the milliseconds of a search.

    Examples:
        rgbir bench rerank --sightings 100000
        rgbir bench rerank --sightings 1000000 --queries 3 --json
    """
    from rgbir.index.bench.rerank import bench_rerank

    return figured(bench_rerank(sightings, dimension, queries, rerank, scratch))


@bench.command("encode")
def bench_encode_command(bundle: BundleOption) -> Answer[Figures]:
    """Bulk enrolment against the bare ONNX Runtime session.

    Examples:
        rgbir bench encode --bundle demo/expat_compact.synthetic_people
        rgbir bench encode --bundle expat_resnet50.sysu_mm01 --json
    """
    from rgbir.index.bench.encode import bench_encode

    return figured(bench_encode(bundle))


@bench.command("evaluate")
def bench_evaluate_command(
    dimension: Annotated[int, typer.Option(help="Values of an embedding.", min=2)] = 2048,
) -> Answer[Figures]:
    """SYSU-MM01's protocol at full size on drawn features, against a loop over queries.

    Examples:
        rgbir bench evaluate
        rgbir bench evaluate --dimension 512 --json
    """
    from rgbir.index.bench.evaluation import bench_evaluation

    return figured(bench_evaluation(dimension))


def figured(figures: Figures) -> Answer[Figures]:
    """A line for each by its name."""
    return Answer(
        figures,
        [
            f"{name:>34}  {value:,.3f}" if isinstance(value, float) else f"{name:>34}  {value}"
            for name, value in figures.items()
        ],
    )
