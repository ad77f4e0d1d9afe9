"""What `rgbir evaluate` does on full frames: people have to be found before they can be recognised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, cast

import typer
from rich.table import Table

from rgbir.index.bundle import Bundle
from rgbir.index.cli.options import progress, refuse
from rgbir.index.cli.output import Answer, remark
from rgbir.index.datasets.frames import FrameSet
from rgbir.index.detection.bundle import DetectorBundle
from rgbir.index.detection.given import read_detections
from rgbir.index.errors import UsageError
from rgbir.index.evaluation.benchmark import versions
from rgbir.index.evaluation.person_search import SURE, Find, SearchReport, by_detector, by_table, person_search
from rgbir.index.metric import Metric
from rgbir.index.words import listed

TAKEN = (
    "data",
    "bundle",
    "protocol",
    "detector",
    "detections",
    "confidence",
    "gallery_size",
    "metric",
    "threads",
    "runner",
)
"""Options of a person search, beside those that say where the report goes."""
ALONE = ("detector", "detections", "confidence", "gallery_size")
"""Options of nothing but a person search."""


class Searched(TypedDict):
    """A report of a person search. Fractions are from 0 to 1.

    Attributes:
        protocol: its name and every switch that it was measured by.
        top: the share of queries with a right one among the 1, 5 and 10 most similar detections.
        mAP: the mean of average precision times the share of frames in which the person was found.
        detection: recall and average precision of detection alone, and how many boxes and detections there are.
        queries, valid_queries: how many there are, and how many of them somebody in the gallery shows.
        frames: how many were searched.
        by_query: every query's precision, the rank of its first right detection (from 0, -1 without one), how many frames
            show the person, and in how many they were found.
        about: what was measured, and the versions it ran on.
    """

    protocol: dict[str, Any]
    top: dict[str, float]
    mAP: float
    detection: dict[str, float]
    queries: int
    valid_queries: int
    frames: int
    by_query: dict[str, list[float]]
    about: dict[str, str]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is measured on full frames.

    Attributes:
        protocol: by name; the data set's own if None.
        bundles: the model's, one.
        detector: a detector's bundle.
        detections: a table of them, in place of a detector.
        confidence: the least score of a detection; the authors' if None.
        gallery_size: frames of a gallery; the usual number if None.
        metric: the distance; the model's own if None.
        threads: of the model and the detector.
        runner: of the model.
    """

    protocol: str | None
    bundles: Sequence[Path]
    detector: Path | None
    detections: Path | None
    confidence: float | None
    gallery_size: int | None
    metric: Metric | None
    threads: int | None
    runner: str


def search_of(ctx: typer.Context, data: FrameSet, chosen: Chosen, written: Sequence[str]) -> SearchReport:
    """Measures, or says what is missing, or what has no effect.

    Args:
        written: options that only say where the report goes.

    Raises:
        UsageError: something is missing or has no effect, or no such protocol or gallery.
        BadDataset: the folder breaks a promise of its layout.
    """
    from rgbir.index.encoder import Encoder

    refuse(ctx, f"{data.name} has full frames, where people have to be found first", but=(*TAKEN, *written))
    protocol = chosen.protocol or data.protocols[0]
    if protocol not in data.protocols:
        raise UsageError(
            f"{data.root} holds {data.name}, whose protocols are {listed(data.protocols)}; {protocol} isn't one"
        )
    if chosen.gallery_size is not None and chosen.gallery_size not in data.sizes:
        sizes = f"{listed(sorted(data.sizes), 'or')} frames" if data.sizes else "one gallery; leave --gallery-size out"
        raise UsageError(f"{data.name} has {sizes}, not {chosen.gallery_size}")
    if len(chosen.bundles) != 1:
        raise UsageError(f"a person search measures one model: give one --bundle, not {len(chosen.bundles)}")
    find, by = _finder(data, chosen)
    bundle = Bundle(chosen.bundles[0])
    encoder = Encoder(bundle, threads=chosen.threads, runner=chosen.runner)
    card = encoder.card
    about = {
        "model": card.name,
        "fingerprint": card.fingerprint,
        **by,
        "data": data.root.name,
        **versions(encoder.runner),
    }
    for text in data.remarks():
        remark(text)
    with progress("searching frames", len(data.gallery)) as advance:
        return person_search(
            data, protocol, encoder, find, size=chosen.gallery_size, metric=chosen.metric, about=about, progress=advance,
            sure=SURE if chosen.confidence is None else chosen.confidence,
        )  # fmt: skip


def answer(report: SearchReport, data: FrameSet) -> Answer[Searched]:
    """The table, and below it what is printed of the data set, if that was measured by the same rules."""
    size = str(data.sizes[0]) if data.sizes else None
    usual = report.protocol == data.protocols[0] and report.setting.get("gallery") == size
    published = data.published if usual else ()
    table = Table(*report.columns)
    table.add_row(*report.row)
    shown: list[str | Table] = [report.title, table, " ".join(f"{key}={value}" for key, value in report.about.items())]
    shown += [
        f"published, and not measured here: {line.method} mAP {line.mean_ap:.1f}, top-1 {line.top_1:.1f}"
        for line in published
    ]
    return Answer(cast(Searched, report.to_dict()), shown)


def _finder(data: FrameSet, chosen: Chosen) -> tuple[Find, dict[str, str]]:
    """Who finds people, and what the report says of it."""
    from rgbir.index.detection.detector import ModelDetector

    if (chosen.detector is None) == (chosen.detections is None):
        came = "neither" if chosen.detector is None else "both"
        raise UsageError(f"give --detector BUNDLE or --detections FILE.csv, which say where people are; {came} came")
    if chosen.detector is not None:
        detector = ModelDetector(DetectorBundle(chosen.detector), threads=chosen.threads)
        return by_detector(detector), {"detector": detector.card.name, "found by": detector.found_by}
    assert chosen.detections is not None
    return by_table(read_detections(chosen.detections), data), {"detections": chosen.detections.name}
