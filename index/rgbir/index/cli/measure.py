"""`rgbir embed` and `rgbir evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rgbir.index.bundle import Bundle
from rgbir.index.cameras import CameraNetwork, Modality
from rgbir.index.cli.options import BundleOption, ThreadsOption, progress
from rgbir.index.datasets import SysuMM01
from rgbir.index.datasets.sysu_mm01 import INFRARED, VISIBLE, List
from rgbir.index.encoder import Encoder
from rgbir.index.errors import UsageError
from rgbir.index.evaluation import PROTOCOLS, Features, Report, evaluate_sysu, evaluate_trial
from rgbir.index.evaluation.protocols import Mode, Shots
from rgbir.index.evaluation.report import COLUMNS
from rgbir.index.evaluation.sources import encoded, enrolled
from rgbir.index.gallery import Gallery
from rgbir.index.images import decode, read_bytes
from rgbir.index.metric import Metric


def embed(
    images: Annotated[list[Path], typer.Argument(help="Image files.")],
    bundle: BundleOption,
    modality: Annotated[Modality, typer.Option(help="Which graph embeds them.")],
    out: Annotated[Path, typer.Option(help="The features file to write (.npz).")],
    threads: ThreadsOption = None,
) -> None:
    """Embed images and write a features file; identities and cameras are unknown in it."""
    encoder = Encoder(Bundle(bundle), threads=threads)
    decoded = [decode(read_bytes(path), str(path)) for path in images]
    embeddings = encoder.embed(decoded, modality)
    unknown = [None] * len(images)
    Features.of(embeddings, unknown, [""] * len(images), [str(path) for path in images]).save(out)
    print(f"{len(images):,} embeddings of {encoder.card.dimension} values in {out}")


def evaluate(
    data: Annotated[Path | None, typer.Option(help="The data set's root.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="The model bundle to measure.", envvar="RGBIR_BUNDLE")] = None,
    gallery: Annotated[
        Path | None, typer.Option(help="Take gallery embeddings from this gallery, where they are enrolled.")
    ] = None,
    query: Annotated[
        Path | None, typer.Option(help="Anybody's saved features of the queries (.npz): one trial.")
    ] = None,
    against: Annotated[Path | None, typer.Option(help="Anybody's saved features of the gallery (.npz).")] = None,
    protocol: Annotated[str, typer.Option(help=f"One of {', '.join(PROTOCOLS)}.")] = "sysu",
    mode: Annotated[Mode, typer.Option(help="all or indoor: the gallery's cameras.")] = "all",
    shots: Annotated[
        Shots, typer.Option(help="single or multi: 1 or 10 gallery images of each identity and camera.")
    ] = "single",
    of: Annotated[List, typer.Option("--list", help="Whose images.")] = "test",
    metric: Annotated[
        str | None, typer.Option(help="euclidean or cosine; the bundle's card decides if not given.")
    ] = None,
    permutations: Annotated[
        Path | None, typer.Option(help="rand_perm_cam.mat, if it is not in the data set's exp folder.")
    ] = None,
    network: Annotated[str, typer.Option(help="Cameras and places of saved features.")] = "sysu-mm01",
    threads: ThreadsOption = None,
    json_file: Annotated[
        str | None, typer.Option("--json", help="Write the report as JSON to this file; - is standard output.")
    ] = None,
) -> None:
    """Measure a model by a benchmark's protocol: CMC, mAP and mINP of each trial, and their mean."""
    if protocol not in PROTOCOLS:
        raise UsageError(f"no protocol {protocol!r}; there are {', '.join(PROTOCOLS)}")
    if query and against:
        saved = Metric(metric or "euclidean")
        about = {"query": query.name, "against": against.name}
        report = evaluate_trial(
            Features.load(query), Features.load(against), CameraNetwork.read(network), PROTOCOLS[protocol], saved, about
        )
    elif data and bundle:
        report = _evaluate_bundle(data, bundle, gallery, protocol, mode, shots, of, metric, permutations, threads)
    else:
        raise UsageError("give --data and --bundle, or --query and --against with saved features")
    if json_file == "-":
        print(report.to_json())
        return
    _show(report)
    if json_file:
        Path(json_file).write_text(report.to_json() + "\n", encoding="utf-8")


def _evaluate_bundle(
    root: Path, bundle: Path, gallery: Path | None, protocol: str, mode: Mode, shots: Shots, of: List,
    metric: str | None, permutations: Path | None, threads: int | None,
) -> Report:  # fmt: skip
    data = SysuMM01(root)
    tables = data.permutations(permutations) if PROTOCOLS[protocol].selection == "official" else None
    encoder = Encoder(Bundle(bundle), threads=threads)
    probes, rows = list(data.records(of, INFRARED)), list(data.records(of, VISIBLE))
    with progress("encoding", len(probes) + (0 if gallery else len(rows))) as advance:
        query_features = encoded(probes, encoder, advance)
        if gallery is None:
            gallery_features = encoded(rows, encoder, advance)
        else:
            with Gallery(gallery) as opened:
                opened.expect(encoder.card)
                gallery_features = enrolled(rows, opened)
    about = {"model": encoder.card.name, "fingerprint": encoder.card.fingerprint, "data": root.name, **_versions()}
    return evaluate_sysu(
        data,
        query_features,
        gallery_features,
        PROTOCOLS[protocol],
        metric=Metric(metric) if metric else encoder.card.metric,
        mode=mode,
        shots=shots,
        of=of,
        permutations=tables,
        about=about,
    )


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    import faiss
    import onnxruntime

    return {"rgbir": version("rgbir"), "onnxruntime": onnxruntime.__version__, "faiss": faiss.__version__}


def _show(report: Report) -> None:
    table = Table(*COLUMNS)
    *trials, mean = report.rows()
    for line in trials:
        table.add_row(*line)
    if len(trials) > 1:
        table.add_section()
        table.add_row(*mean, style="bold")
    print(report.title)
    Console().print(table)
    print(escape(" ".join(f"{key}={value}" for key, value in report.about.items())))
