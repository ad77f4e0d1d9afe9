"""A benchmark's evaluation at the size of SYSU-MM01's test set, against a loop over queries in plain NumPy."""

from __future__ import annotations

import itertools
import resource
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rgbir.index.bench.loop import loop
from rgbir.index.cameras import CameraNetwork, Modality
from rgbir.index.datasets.draws import official, seeded
from rgbir.index.datasets.protocol import Mode, Shots
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.sysu_mm01 import GALLERY_CAMERAS, SHOTS
from rgbir.index.datasets.task import rows_drawn
from rgbir.index.evaluation import PROTOCOLS, Draw, Features, Task, evaluate
from rgbir.index.metric import Metric

PEOPLE, IMAGES = 96, 20
SEEN_BY = {1: 56, 2: 56, 3: 93, 4: 94, 5: 95, 6: 96}
"""How many of the people each camera sees, as in SYSU-MM01's test set."""


def bench_evaluation(dimension: int = 2048) -> dict[str, Any]:
    """Seconds for all settings of SYSU-MM01, and for one of them beside the loop, whose answers must be the same."""
    records = list(_images())
    rng = np.random.default_rng(0)
    labels = np.array([record.identity for record in records], np.float32)
    people = rng.standard_normal((PEOPLE + 1, dimension)).astype(np.float32)
    values = people[labels.astype(int)] + 2.0 * rng.standard_normal((len(records), dimension)).astype(np.float32)
    features = Features.of_images(values, records)
    figures: dict[str, Any] = _market(dimension)
    total, first = 0.0, None
    for selection, mode, shots in itertools.product(("official", "seeded"), ("all", "indoor"), ("single", "multi")):
        task = _task(records, selection, mode, shots)  # type: ignore[arg-type]
        started = time.perf_counter()
        report = evaluate(task, features, features, PROTOCOLS["sysu"], Metric.EUCLIDEAN)
        seconds = time.perf_counter() - started
        figures[f"{selection} {mode} {shots}, s"] = seconds
        total += seconds
        first = first or (task, report, seconds)
    figures["all eight settings, s"] = total
    assert first is not None
    task, report, seconds = first
    started = time.perf_counter()
    answers = loop(task, features)
    slow = time.perf_counter() - started
    ours = [(t.rank(1), t.rank(20), t.mean_ap, t.mean_inp) for t in report.trials]
    figures["the loop, official all single, s"] = slow
    figures["same answers"] = bool(np.allclose(ours, answers, rtol=0, atol=1e-12))
    return figures


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    """How many times as fast as the loop."""
    return {"against_a_loop": figures["the loop, official all single, s"] / figures["official all single, s"]}


def _market(dimension: int) -> dict[str, Any]:
    """Market-1501's sizes with its distractors; peak memory is the whole process's so far."""
    rng = np.random.default_rng(2)
    people = 750
    queries = [ImageRecord(Path("q"), f"query/{n}", str(n % 6 + 1), Modality.RGB, n % people + 1) for n in range(3_368)]
    shown = [
        ImageRecord(
            Path("g"), f"gallery/{n}", str(n // people % 6 + 1), Modality.RGB, n % people + 1 if n < 13_115 else None
        )
        for n in range(15_913)
    ]
    draw = Draw(np.arange(len(queries)), np.arange(len(shown)))
    task = Task(CameraNetwork.read("market-1501"), {}, queries, shown, [draw])
    asked, rows = (
        Features.of_images(rng.standard_normal((len(records), dimension), dtype=np.float32), records)
        for records in (queries, shown)
    )
    started = time.perf_counter()
    evaluate(task, asked, rows, PROTOCOLS["market"], Metric.COSINE)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"market with distractors, s": seconds, "peak memory of it, MiB": peak}


def _images() -> Iterator[ImageRecord]:
    for camera, seen in SEEN_BY.items():
        modality = Modality.IR if camera in (3, 6) else Modality.RGB
        for identity, number in itertools.product(range(1, seen + 1), range(1, IMAGES + 1)):
            source = f"cam{camera}/{identity:04d}/{number:04d}.jpg"
            yield ImageRecord(Path(source), source, str(camera), modality, identity, number=number)


def _task(records: list[ImageRecord], selection: str, mode: Mode, shots: Shots) -> Task:
    cameras = GALLERY_CAMERAS[mode]
    queries = [record for record in records if record.modality is Modality.IR]
    gallery = [record for record in records if int(record.camera) in cameras]
    sizes = {(camera, identity): IMAGES for camera in cameras for identity in range(1, SEEN_BY[camera] + 1)}
    people, count = range(1, PEOPLE + 1), SHOTS[shots]
    rng = np.random.default_rng(1)
    tables = {place: np.array([rng.permutation(IMAGES) + 1 for _ in range(10)]) for place in sizes}
    draw = partial(official, tables) if selection == "official" else seeded
    picks = (draw(sizes, people, cameras, count, trial) for trial in range(10))
    draws = [Draw(np.arange(len(queries)), rows) for rows in rows_drawn(gallery, picks)]
    return Task(CameraNetwork.read("sysu-mm01"), {}, queries, gallery, draws).trimmed()
