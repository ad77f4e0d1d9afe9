"""`rgbir demo`: the whole way without downloads."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from rgbir.index import (
    Bundle,
    CameraNetwork,
    Encoder,
    Gallery,
    Modality,
    Searcher,
    SearchOptions,
    SysuMM01,
    bulk_callers,
    decode,
    enrol,
    read_bytes,
)
from rgbir.index.cli.options import progress
from rgbir.index.cli.output import Answer, note, wants_json
from rgbir.index.datasets.sysu_mm01 import INFRARED, VISIBLE
from rgbir.index.evaluation import PROTOCOLS, evaluate
from rgbir.index.evaluation.sources import encoded, enrolled
from rgbir.index.synthetic import Split, synthesize
from rgbir.server.cli.serve import run
from rgbir.server.settings import Settings

DEMO_BUNDLE = "expat_compact.synthetic_people"
DEMO_PEOPLE, DEMO_IMAGES, DEMO_SEED = 60, 6, 1
ASKED_FOR = range(2, 8)
"""Whose pictures are samples. Person 1 is one of those whom the model doesn't find: it takes person 38 for them."""


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What the demonstration left.

    Attributes:
        folder, people, gallery, samples, bundle: where it is, and what it is made of.
        footage: drawn footage whose people are in the gallery, too.
        rank_1, mean_ap: measured on synthetic people, 0 to 1.
        seconds: that it took.
        search: a command to try.
    """

    folder: Path
    people: Path
    gallery: Path
    samples: Path
    bundle: Path
    footage: Path
    rank_1: float
    mean_ap: float
    seconds: float
    search: str


def demo(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Option("--dir", help="Where the demonstration's files go.")] = Path("demo"),
    port: Annotated[int, typer.Option(help="Port of the server.", min=0, max=65535)] = 8077,
    start: Annotated[bool, typer.Option("--serve/--no-serve", help="Start the server at the end.")] = True,
) -> Answer[Demonstration]:
    """The whole way without downloads: synthetic people, a gallery of them, a benchmark, a server with a page.

    Examples:
        rgbir demo
        rgbir demo --dir /tmp/demo --no-serve
    """
    began = time.perf_counter()
    people, gallery, samples = folder / "people", folder / "gallery", folder / "samples"
    with as_file(files("rgbir.server") / "bundles" / DEMO_BUNDLE) as bundle:
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _draw(people)
            (folder / "complete").touch()
        data = SysuMM01(people)
        encoder, bulk_encoder = Encoder(Bundle(bundle)), Encoder(Bundle(bundle), callers=bulk_callers())
        with Gallery.open_or_create(gallery, encoder.card, CameraNetwork.read("sysu-mm01")) as opened:
            _enrol(data, bulk_encoder, opened)
            rank_1, mean_ap = _evaluate(data, bulk_encoder, opened)
            _show_rule(data, encoder, opened)
            _show_footage(folder / "footage", opened, encoder, samples)
        _samples(data, samples)
        model = folder / DEMO_BUNDLE
        shutil.copytree(bundle, model, dirs_exist_ok=True)
        seconds = time.perf_counter() - began
        query = next(iter(sorted(samples.glob("*.jpg"))))
        search = f"{program()} search {query} --camera {query.name.split('_')[0]} --gallery {gallery} --bundle {model}"
        lines = ["", f"done in {seconds:.0f} s; the files are in {folder}/", "search here:", f"  {search}"]
        if start:
            for line in (*lines, "or on the page:"):
                note(line)
            sys.stdout.flush()
            lines = []
            run(Settings(str(gallery), bundle, port=port, samples=samples), as_json=wants_json(ctx))
        content = Demonstration(
            folder, people, gallery, samples, model, folder / "footage", rank_1, mean_ap, seconds, search
        )
        return Answer(content, lines)


def program() -> str:
    """What to type for this program: its name where the shell finds it by that, else the path that it was started by."""
    started, by_name = Path(sys.argv[0]), shutil.which("rgbir")
    hidden = started.name == "rgbir" and not (by_name and started.samefile(by_name))
    return str(started) if hidden else "rgbir"


def _draw(people: Path) -> None:
    note(f"1. drawing {DEMO_PEOPLE} synthetic people as seen by six cameras, two of them infrared")
    split = Split(0, 0, DEMO_PEOPLE)
    with progress("drawing", split.identities * 6 * DEMO_IMAGES) as advance:
        count = synthesize(people, split, DEMO_IMAGES, DEMO_SEED, progress=advance)
    note(f"   {count:,} images in {people}")


def _enrol(data: SysuMM01, encoder: Encoder, gallery: Gallery) -> None:
    note("2. enrolling the colour images into a gallery")
    records = list(data.records("test", VISIBLE))
    began = time.perf_counter()
    with progress("enrolling", len(records)) as advance:
        tally = enrol(records, encoder, gallery, progress=advance)
    rate = tally.added / (time.perf_counter() - began)
    note(f"   {tally.added:,} added, {tally.present:,} were there" + (f", {rate:.0f} images/s" if tally.added else ""))


def _evaluate(data: SysuMM01, encoder: Encoder, gallery: Gallery) -> tuple[float, float]:
    """Rank-1 and mAP."""
    note(
        "3. measuring by SYSU-MM01's protocol: infrared probes, colour gallery, same room left out (synthetic people, not real data)"
    )
    protocol = PROTOCOLS["sysu"]
    task = data.task(protocol)
    probes, rows = encoded(task.queries, encoder), enrolled(task.gallery, gallery)
    report = evaluate(task, probes, rows, protocol, encoder.card.metric)
    trial = report.trials[0]
    note(f"   {trial.queries} queries, {trial.gallery_identities} people, ten trials, all-search single-shot:")
    note(
        f"   rank-1 {100 * report.rank(1):.2f} %, rank-10 {100 * report.rank(10):.2f} %, mAP {100 * report.mean_ap:.2f} %"
    )
    return report.rank(1), report.mean_ap


def _show_rule(data: SysuMM01, encoder: Encoder, gallery: Gallery) -> None:
    note("4. the same-location rule: cameras 2 and 3 share a room, so a search from camera 3 leaves camera 2 out")
    record = next(record for record in data.records("test", (3,)) if record.identity in ASKED_FOR)
    image = decode(read_bytes(record.path), record.source)
    answer = Searcher(encoder, gallery).search([image], SearchOptions(camera="3", modality=Modality.IR, top_k=5))
    note(f"   person {record.identity} is asked for:")
    for hit in answer.hits:
        mark = "the same person" if hit.identity == record.identity else f"person {hit.identity}"
        note(f"   {hit.rank}. camera {hit.camera}, distance {hit.distance:.3f}, {mark}")
    for excluded in answer.excluded_cameras:
        note(f"   left out: camera {excluded.camera}: {excluded.reason}")


def _show_footage(folder: Path, gallery: Gallery, encoder: Encoder, samples: Path) -> None:
    """The part footage brings what it shows; the server doesn't import it."""
    (point,) = entry_points(group="rgbir.demonstration")
    note("5. a few seconds of footage of two more cameras: who moves is found without a model, and enrolled")
    point.load()(folder, gallery, encoder, samples, DEMO_SEED, note)


def _samples(data: SysuMM01, samples: Path) -> None:
    samples.mkdir(parents=True, exist_ok=True)
    for camera in INFRARED:
        for identity in ASKED_FOR:
            name = data.files(camera, identity)[0]
            shutil.copyfile(
                data.root / f"cam{camera}" / f"{identity:04d}" / name, samples / f"{camera}_{identity:04d}.jpg"
            )
