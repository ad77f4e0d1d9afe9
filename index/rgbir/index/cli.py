"""The index's commands: they parse, call one function and print."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from rgbir.index.bundle import Bundle
from rgbir.index.cameras import Camera, CameraNetwork, Modality
from rgbir.index.datasets import ImageRecord, Skipped, SysuMM01, read_folders, read_table
from rgbir.index.datasets.sysu_mm01 import INFRARED, VISIBLE, List
from rgbir.index.datasets.table import parse_time
from rgbir.index.encoder import Encoder
from rgbir.index.errors import UsageError
from rgbir.index.evaluation import PROTOCOLS, Features, Report, evaluate_sysu, evaluate_trial
from rgbir.index.evaluation.protocols import Mode, Shots
from rgbir.index.evaluation.report import COLUMNS
from rgbir.index.evaluation.sources import encoded, enrolled
from rgbir.index.gallery import Gallery
from rgbir.index.images import decode, read_bytes
from rgbir.index.ingest import enrol
from rgbir.index.metric import Metric
from rgbir.index.synthetic import Split
from rgbir.index.synthetic import synthesize as draw_people

GalleryOption = Annotated[Path, typer.Option("--gallery", help="The gallery's folder.", envvar="RGBIR_GALLERY")]
BundleOption = Annotated[Path, typer.Option("--bundle", help="The model bundle's folder.", envvar="RGBIR_BUNDLE")]
ThreadsOption = Annotated[
    int | None,
    typer.Option(help="Threads of the model; all of this process's cores by default.", min=1, envvar="RGBIR_THREADS"),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]

index = typer.Typer(help="Make, fill, check and empty a gallery.", no_args_is_help=True, add_completion=False)
SKIPPED_EXIT = 3
Layout = Literal["folders", "csv", "sysu"]
_SHOWN = 20


def synthesize(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    identities: Annotated[
        int, typer.Option(help="People; three fifths train, a fifth val, a fifth test.", min=1, max=9999)
    ] = 200,
    images: Annotated[int, typer.Option(help="Pictures of each by each of the six cameras.", min=1, max=99)] = 10,
    seed: Annotated[int, typer.Option(help="Another seed, other people.", min=0)] = 0,
    only_test: Annotated[bool, typer.Option("--only-test", help="Put all people in the test list.")] = False,
    workers: Annotated[int | None, typer.Option(help="Processes; one a core by default.", min=1)] = None,
) -> None:
    """Draw synthetic people in SYSU-MM01's layout: a test bed and a demonstration, never a result on real data."""
    split = Split(0, 0, identities) if only_test else Split.of(identities)
    with progress("drawing", split.identities * 6 * images) as advance:
        count = draw_people(folder, split, images, seed, workers, advance)
    print(
        f"{count:,} images of {split.identities} synthetic people in {folder} (train {split.train}, val {split.val}, test {split.test})"
    )


@index.command()
def add(
    folder: Annotated[Path, typer.Argument(help="A folder of images; a table for layout csv.")],
    gallery: GalleryOption,
    bundle: BundleOption,
    layout: Annotated[Layout, typer.Option(help="How the folder is laid out.")] = "folders",
    network: Annotated[
        str | None,
        typer.Option(help="The cameras and their places: a TOML file, or sysu-mm01, regdb, llcm, market-1501."),
    ] = None,
    camera: Annotated[str | None, typer.Option(help="The camera of all these images.")] = None,
    of: Annotated[List, typer.Option("--list", help="Layout sysu: whose images.")] = "test",
    modality: Annotated[Literal["rgb", "ir", "both"], typer.Option(help="Layout sysu: which images.")] = "rgb",
    batch: Annotated[int, typer.Option(help="Images a run of the model, and a transaction.", min=1, max=4096)] = 32,
    workers: Annotated[int, typer.Option(help="Threads that read and decode.", min=1, max=64)] = 2,
    threads: ThreadsOption = None,
    keep_images: Annotated[bool, typer.Option(help="Keep each crop in the gallery, to be shown with a hit.")] = True,
    as_json: JsonFlag = False,
) -> None:
    """Enrol every image of a folder. Run it again after a stop: it goes on, and encodes nothing twice."""
    records = list(_records(folder, layout, camera, of, modality))
    loaded = Bundle(bundle)
    declared = CameraNetwork.read(network) if network else None
    if declared is None:
        declared = CameraNetwork.read("sysu-mm01") if layout == "sysu" else CameraNetwork(gallery.name, ())
    encoder = Encoder(loaded, threads=threads, batch=batch)
    with Gallery.open_or_create(gallery, loaded.card, declared) as opened:
        if network is None and layout != "sysu":
            seen = dict.fromkeys(record.camera for record in records if isinstance(record, ImageRecord))
            opened.add_cameras(
                [Camera(name, frozenset({Modality.RGB}), name) for name in seen if name not in opened.network]
            )
        with progress("enrolling", len(records)) as advance:
            tally = enrol(
                records, encoder, opened, batch=batch, workers=workers, keep_crops=keep_images, progress=advance
            )
        total = len(opened)
    if as_json:
        skipped = [asdict(item) for item in tally.skipped]
        print(
            json.dumps(
                {
                    "added": tally.added,
                    "present": tally.present,
                    "skipped": skipped,
                    "sightings": total,
                    "providers": encoder.providers,
                }
            )
        )
    else:
        print(
            f"{tally.added:,} added, {tally.present:,} were there, {len(tally.skipped):,} skipped; {total:,} sightings in {gallery} (model on {encoder.providers[0]})"
        )
        _list_skipped(tally.skipped)
    if tally.skipped:
        raise typer.Exit(SKIPPED_EXIT)


def _records(
    folder: Path, layout: Layout, camera: str | None, of: List, modality: Literal["rgb", "ir", "both"]
) -> Iterable[ImageRecord | Skipped]:
    match layout:
        case "folders":
            return read_folders(folder, camera)
        case "csv":
            return read_table(folder, camera)
        case "sysu":
            cameras = {"rgb": VISIBLE, "ir": INFRARED, "both": (*VISIBLE, *INFRARED)}[modality]
            return SysuMM01(folder).records(of, cameras)


def _list_skipped(skipped: list[Skipped]) -> None:
    for item in skipped[:_SHOWN]:
        print(f"skipped {item.source}: {item.reason}", file=sys.stderr)
    if len(skipped) > _SHOWN:
        print(f"… and {len(skipped) - _SHOWN} more; --json lists them all", file=sys.stderr)


@index.command()
def stats(gallery: GalleryOption, as_json: JsonFlag = False) -> None:
    """What a gallery holds, by camera."""
    with Gallery(gallery) as opened:
        counts, model, total, generation = opened.counts(), opened.model, len(opened), opened.generation
        network = opened.network
    if as_json:
        content = {
            "sightings": total,
            "generation": generation,
            "model": asdict(model),
            "cameras": [asdict(count) for count in counts],
        }
        print(json.dumps(content, default=str))
        return
    table = Table("camera", "modality", "place", "sightings", "identities", "from", "to")
    for count in counts:
        seen = network[count.camera]
        moments = [
            "-" if moment is None else moment.isoformat(sep=" ", timespec="seconds")
            for moment in (count.earliest, count.latest)
        ]
        table.add_row(
            seen.id,
            "+".join(sorted(seen.modalities)),
            seen.place,
            f"{count.sightings:,}",
            f"{count.identities:,}",
            *moments,
        )
    Console().print(table)
    print(
        f"{total:,} sightings, generation {generation}, model {model.name} ({model.fingerprint}), {model.dimension} values, {model.metric}"
    )


@index.command()
def remove(
    gallery: GalleryOption,
    sighting: Annotated[list[str] | None, typer.Option(help="A sighting's id; may be repeated.")] = None,
    identity: Annotated[int | None, typer.Option(help="Everything labelled with this identity.")] = None,
    camera: Annotated[str | None, typer.Option(help="Everything of this camera.")] = None,
    track: Annotated[str | None, typer.Option(help="Everything of this track.")] = None,
    before: Annotated[str | None, typer.Option(help="Everything taken before this time, ISO 8601 with a zone.")] = None,
) -> None:
    """Erase the sightings that meet all conditions: embeddings and crops are overwritten on disk."""
    try:
        moment = None if before is None else parse_time(before)
    except ValueError as error:
        raise UsageError(str(error)) from error
    with Gallery(gallery) as opened:
        removed = opened.remove(ids=sighting or None, identity=identity, camera=camera, track=track, before=moment)
        print(f"{removed:,} removed; {len(opened):,} sightings left in {gallery}")


@index.command()
def verify(gallery: GalleryOption) -> None:
    """Prove that SQLite and FAISS hold the same, unaltered vectors."""
    problems = Gallery.problems_in(gallery)
    for problem in problems:
        print(problem)
    if problems:
        raise typer.Exit(1)
    with Gallery(gallery) as opened:
        print(f"{len(opened):,} sightings in {gallery}: checksums hold, SQLite and FAISS agree")


@index.command("export")
def export_features(
    gallery: GalleryOption,
    out: Annotated[Path, typer.Option(help="The features file to write (.npz).")],
) -> None:
    """Write embeddings and their labels to a features file, for anyone's own analysis."""
    with Gallery(gallery) as opened:
        sightings = opened.sightings()
        embeddings = opened.embeddings([sighting.id for sighting in sightings])
    labels = [-1 if s.identity is None else s.identity for s in sightings]
    _features(embeddings, labels, [s.camera for s in sightings], [s.source for s in sightings]).save(out)
    print(f"{len(sightings):,} embeddings of {embeddings.shape[1]} values in {out}")


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
    _features(embeddings, [-1] * len(images), [""] * len(images), [str(path) for path in images]).save(out)
    print(f"{len(images):,} embeddings of {encoder.card.dimension} values in {out}")


def _features(embeddings: Any, identities: list[int], cameras: list[str], sources: list[str]) -> Features:
    import numpy as np

    return Features(embeddings, np.array(identities, np.int64), np.array(cameras, np.str_), np.array(sources, np.str_))


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


@contextmanager
def progress(label: str, total: int) -> Iterator[Any]:
    """A bar with rate and time left on a terminal; nothing elsewhere. Yields `advance(done)`."""
    console = Console(stderr=True)
    columns = (
        TextColumn(label),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(label, total=total, rate="")

        def advance(done: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, advance=done, rate=f"{speed:.1f}/s" if speed else "")

        yield advance


bench = typer.Typer(
    help="What this machine does, against the bare libraries in the same run.",
    no_args_is_help=True,
    add_completion=False,
)


@bench.command("search")
def bench_search_command(
    sightings: Annotated[int, typer.Option(min=100)] = 20_000,
    dimension: Annotated[int, typer.Option(min=2)] = 512,
    as_json: JsonFlag = False,
) -> None:
    """Exact searches, one at a time, against a bare flat FAISS index."""
    from rgbir.index.bench import bench_search

    _print_figures(bench_search(sightings, dimension), as_json)


@bench.command("encode")
def bench_encode_command(bundle: BundleOption, as_json: JsonFlag = False) -> None:
    """Bulk enrolment against the bare ONNX Runtime session."""
    from rgbir.index.bench import bench_encode

    _print_figures(bench_encode(bundle), as_json)


def _print_figures(figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:>20}  {value:,.3f}" if isinstance(value, float) else f"{name:>20}  {value}")
