"""`rgbir bench …`: beside the bare libraries in the same run. Other parts add commands by `rgbir.commands.bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from rgbir.index.bench.city import City, figures_of
from rgbir.index.bench.document import Measurement
from rgbir.index.cli.measured import KEPT, KeepOption, StrictOption, begun
from rgbir.index.cli.options import BundleOption, RunnerOption, ThreadsOption, of_fields
from rgbir.index.cli.output import Answer, in_groups
from rgbir.index.errors import UsageError
from rgbir.index.gallery.model import Storage

SEARCHING = ("numpy", "faiss-cpu", "faiss-gpu-cuvs")
ENCODING = ("numpy", "pillow", "onnxruntime", "onnxruntime-gpu", "openvino")
"""Packages whose versions are told, where they are installed."""
bench = typer.Typer(
    help="What this machine does, against the bare libraries in the same run.",
    no_args_is_help=True,
    add_completion=False,
)


@bench.command("search")
@in_groups({"What becomes of the measurement": KEPT})
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
    peer: Annotated[
        list[str] | None,
        typer.Option(help="Ask this engine the same, by its name or its package's; may be given several times."),
    ] = None,
    peers: Annotated[
        bool, typer.Option("--peers", help="Ask all engines that are installed; some take minutes for many rows.")
    ] = False,
    keep: KeepOption = None,
    strict: StrictOption = False,
) -> Answer[Measurement]:
    """Add, open, search and remove, against bare flat FAISS and the memory's bandwidth.

    Engines that can be asked: faiss tuned, which is FAISS set up by hand, usearch exact, hnswlib, lancedb, qdrant local and
    milvus-lite.

    Examples:
        rgbir bench search --sightings 100000 --dimension 2048
        rgbir bench search --peer "faiss tuned" --peer usearch
        rgbir bench search --storage float16 --device gpu --json
        rgbir bench search --keep docs/benchmarks
    """
    from rgbir.index.bench.peers import installed, named
    from rgbir.index.bench.search import bench_search, ratios

    settings = {
        "sightings": sightings, "dimension": dimension, "noise": noise, "storage": str(storage), "device": device, "peers": peers,
    }  # fmt: skip
    if peer and peers:
        raise UsageError("--peers asks all engines that are installed; leave --peer out, or --peers")
    engines = installed() if peers else named(peer or ())
    if peer:
        settings["peer"] = list(engines)
    packages = [engine.package for engine in engines.values()]
    measuring = begun("search", settings, (*SEARCHING, *packages), keep)
    figures = bench_search(
        sightings, dimension, noise=noise, storage=storage, device=device, scratch=scratch, peers=list(engines)
    )
    return measuring.answer(figures, ratios(figures), strict)


@bench.command("rerank")
def bench_rerank_command(
    sightings: Annotated[int, typer.Option(help="How many are drawn.", min=100)] = 20_000,
    dimension: Annotated[int, typer.Option(help="Values of an embedding.", min=2)] = 512,
    queries: Annotated[int, typer.Option(help="Searches of each kind.", min=3)] = 20,
    rerank: Annotated[str, typer.Option(help="How: aim, or with settings aim:k1,k2.")] = "aim",
    scratch: Annotated[
        Path | None, typer.Option(help="Where the gallery is made; the system's temporary folder by default.")
    ] = None,
    keep: KeepOption = None,
    strict: StrictOption = False,
) -> Answer[Measurement]:
    """Re-ranked searches beside plain ones: lists made and kept, their memory, and the milliseconds of a search.

    Examples:
        rgbir bench rerank --sightings 100000
        rgbir bench rerank --sightings 1000000 --queries 3 --json
    """
    from rgbir.index.bench.rerank import bench_rerank, ratios

    settings = {"sightings": sightings, "dimension": dimension, "queries": queries, "rerank": rerank}
    measuring = begun("rerank", settings, SEARCHING, keep)
    figures = bench_rerank(sightings, dimension, queries, rerank, scratch)
    return measuring.answer(figures, ratios(figures), strict)


@bench.command("encode")
def bench_encode_command(
    bundle: BundleOption,
    threads: ThreadsOption = None,
    runner: RunnerOption = "onnxruntime",
    identities: Annotated[int, typer.Option(help="People who are drawn, 24 images of each.", min=1)] = 20,
    keep: KeepOption = None,
    strict: StrictOption = False,
) -> Answer[Measurement]:
    """Bulk enrolment against the runner's bare session, and that against ONNX Runtime's.

    Examples:
        rgbir bench encode --bundle demo/expat_compact.synthetic_people
        rgbir bench encode --bundle expat_resnet50.sysu_mm01 --runner openvino:bf16 --json
    """
    from rgbir.index.bench.encode import bench_encode, ratios
    from rgbir.index.bundle import Bundle

    settings = {"bundle": Bundle(bundle).card.name, "threads": threads, "runner": runner, "identities": identities}
    measuring = begun("encode", settings, ENCODING, keep)
    figures = bench_encode(bundle, identities, runner=runner, threads=threads)
    return measuring.answer(figures, ratios(figures), strict)


@bench.command("city")
@in_groups(
    {
        "What comes": ("cameras", "cameras_a_place", "sightings_a_day", "days", "busiest_hour"),
        "What a sighting takes": ("dimension", "value_bytes", "crop_bytes", "label_bytes"),
        "What is asked": ("searches_per_s", "asked_cameras", "asked_hours", "answer_s"),
        "What machines do": (
            "rows_per_core_s", "flat_rows_per_core_s", "images_per_s", "servers", "replicas", "cores", "memory_gib", "log_hours",
        ),
    }
)  # fmt: skip
@of_fields(City)
def bench_city_command(**assumed: Any) -> Answer[dict[str, int | float]]:
    """Work out what many cameras need of memory, disks, processors and network. It measures nothing.

    Examples:
        rgbir bench city
        rgbir bench city --cameras 800 --days 14 --asked-hours 2 --json
    """
    figures = figures_of(City(**assumed))
    lines = [
        f"{name:>34}  {value:,.3f}" if isinstance(value, float) else f"{name:>34}  {value:,}"
        for name, value in figures.items()
    ]
    return Answer(figures, lines)


@bench.command("evaluate")
def bench_evaluate_command(
    dimension: Annotated[int, typer.Option(help="Values of an embedding.", min=2)] = 2048,
    keep: KeepOption = None,
    strict: StrictOption = False,
) -> Answer[Measurement]:
    """SYSU-MM01's protocol at full size on drawn features, against a loop over queries.

    Examples:
        rgbir bench evaluate
        rgbir bench evaluate --dimension 512 --json
    """
    from rgbir.index.bench.evaluation import bench_evaluation, ratios

    measuring = begun("evaluate", {"dimension": dimension}, ("numpy",), keep)
    figures = bench_evaluation(dimension)
    return measuring.answer(figures, ratios(figures), strict)
