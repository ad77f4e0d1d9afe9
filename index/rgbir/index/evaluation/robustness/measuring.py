"""One report of how often a model errs: the whole, by property, by pair of cameras, and what the verdict is worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import starmap

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Modality
from rgbir.index.datasets.protocol import Protocol
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.task import Draw, Task
from rgbir.index.errors import UsageError
from rgbir.index.evaluation.features import Features
from rgbir.index.evaluation.report import Report
from rgbir.index.evaluation.robustness.accepts import accepts
from rgbir.index.evaluation.robustness.alike import Alike
from rgbir.index.evaluation.robustness.cuts import Cut, between, thirds
from rgbir.index.evaluation.robustness.pictures import CLIPPED, TORSO_COLUMNS, TORSO_ROWS, Looks
from rgbir.index.evaluation.robustness.units import Units, sought
from rgbir.index.evaluation.run import outcomes_by_trial
from rgbir.index.metric import Metric
from rgbir.index.progress import Progress, silent
from rgbir.index.robustness import Property, Robustness, Side, Slice

MEASURED = {
    "crop size": ("height of the crop in pixels", "px"),
    "blur": ("variance of the Laplacian of the luminance at the crop's own size; the less, the more blurred", ""),
    "exposure": ("mean luminance, 0 to 255", ""),
    "clipped pixels": (f"share of pixels with luminance up to {CLIPPED[0]} or from {CLIPPED[1]} on", ""),
    "dark clothes": (
        f"mean luminance, 0 to 255, of the part from {TORSO_ROWS[0]:.0%} to {TORSO_ROWS[1]:.0%} of the height and from"
        f" {TORSO_COLUMNS[0]:.0%} to {TORSO_COLUMNS[1]:.0%} of the width",
        "",
    ),
}
"""What is measured of a picture, in the order of `Looks`: in words, and its unit."""
CLIPPED_EDGES, CLIPPED_NAMES = (0.01, 0.10), ("below 1 %", "1 to 10 %", "10 % and more")
TIME = "the shortest time between the probe and a row sought"
TIME_EDGES = (60.0, 3_600.0, 86_400.0, 604_800.0)
TIME_NAMES = ("below a minute", "a minute to an hour", "an hour to a day", "a day to a week", "a week and more")
CLOTHES = "who is dressed like others, as the drawing knows, or the table of --alike"
SIDES = {Modality.IR: "infrared", Modality.RGB: "visible"}


def robustness(
    task: Task,
    queries: Features,
    gallery: Features,
    protocol: Protocol,
    metric: Metric,
    report: Report,
    alike: Alike | None = None,
    advance: Progress = silent,
) -> Robustness:
    """Divides what an evaluation measured.

    Args:
        queries, gallery: embeddings of the task's rows, in their order.
        report: the evaluation's.
        alike: in which slice of people a person is; None where nobody knows who is dressed alike.
        advance: is told of pictures that were looked at.

    Raises:
        UsageError: tracklets, of which nothing of this is known.
        BadImage: a picture can't be read.
    """
    if task.of_tracklets:
        raise UsageError("--report robustness is of single pictures; the data set is measured by tracklets")
    whole = Units.of(task, task.draws, [trial.by_query for trial in report.trials])
    rows = sought(task, protocol.hiding, whole)
    looks = [_looks(records, advance) for records in (task.queries, task.gallery)]
    infrared = [
        np.array([record.modality is Modality.IR for record in records]) for records in (task.queries, task.gallery)
    ]
    sides = []
    for modality, name in SIDES.items():
        asked = infrared[0] == (modality is Modality.IR)
        mask = asked[whole.probe]
        if not mask.any():
            continue
        units, rows_of = whole.some(mask), [row for row, of_side in zip(rows, mask, strict=True) if of_side]
        shown = np.ones(len(task.gallery), bool)
        if protocol.hiding == "place and modality":
            shown = infrared[1] != (modality is Modality.IR)
        sides.append(
            Side(
                probes=name,
                whole=units.slice("all"),
                properties=tuple(_properties(task, units, rows_of, looks, alike)),
                pairs=tuple(_pairs(task, queries, gallery, protocol, metric, asked)),
                accepts=accepts(task, queries, gallery, metric, asked, shown),
            )
        )
    rules = {key: str(value) for key, value in report.to_dict()["protocol"].items()}
    return Robustness(protocol=rules, about=report.about, sides=tuple(sides))


def _looks(records: Sequence[ImageRecord], advance: Progress) -> NDArray[np.float64]:
    """(n, 5), in the order of `Looks`."""
    looks = []
    for record in records:
        looks.append(Looks.of(record.decoded()))
        advance(1)
    return np.array(looks, np.float64)


def _properties(
    task: Task,
    units: Units,
    rows: Sequence[Sequence[int]],
    looks: Sequence[NDArray[np.float64]],
    alike: Alike | None,
) -> Iterator[Property]:
    of_queries, of_rows = looks
    means = np.array([of_rows[list(numbers)].mean(axis=0) for numbers in rows])
    for column, (name, (measure, unit)) in enumerate(MEASURED.items()):
        for of, values in (("probe", of_queries[units.probe, column]), ("rows sought", means[:, column])):
            cut = between(values, CLIPPED_EDGES, CLIPPED_NAMES) if name == "clipped pixels" else thirds(values, unit)
            words = measure if of == "probe" else f"{measure}; the mean of the rows that show the person"
            yield Property(name=name, of=of, measure=words, slices=_sliced(units, cut))
    yield _by_time(task, units, rows)
    yield _by_clothes(units, alike)


def _sliced(units: Units, cut: Sequence[Cut]) -> tuple[Slice, ...]:
    return tuple(units.some(mask).slice(name) for name, mask in cut)


def _by_time(task: Task, units: Units, rows: Sequence[Sequence[int]]) -> Property:
    known = {"name": "time between", "of": "both", "measure": TIME}
    gaps = np.array(
        list(starmap(lambda probe, numbers: _gap(task, probe, numbers), zip(units.probe, rows, strict=True)))
    )
    if np.isnan(gaps).all():
        return Property(**known, unknown="it can't be told: no probe and row sought have both a time")
    return Property(**known, slices=_sliced(units, between(gaps, TIME_EDGES, TIME_NAMES)))


def _gap(task: Task, probe: int, rows: Sequence[int]) -> float:
    """Seconds; NaN where a time isn't known."""
    asked = task.queries[probe].taken_at
    times: list[datetime] = [at for row in rows if (at := task.gallery[row].taken_at) is not None]
    return min((abs((at - asked).total_seconds()) for at in times), default=np.nan) if asked else np.nan


def _by_clothes(units: Units, alike: Alike | None) -> Property:
    known = {"name": "uniforms and look-alikes", "of": "both", "measure": CLOTHES}
    if alike is None:
        return Property(
            **known, unknown="it can't be told: the data doesn't say who is dressed alike; --alike FILE does"
        )
    kinds = np.array([alike(int(person)) for person in units.identity])
    return Property(**known, slices=_sliced(units, [(str(kind), kinds == kind) for kind in sorted(set(kinds))]))


def _pairs(
    task: Task, queries: Features, gallery: Features, protocol: Protocol, metric: Metric, asked: NDArray[np.bool_]
) -> Iterator[Slice]:
    """Searches of one camera alone, by the probe's camera; pairs that find nobody by the protocol's rule aren't there."""
    cameras, shown = (np.array([record.camera for record in records]) for records in (task.queries, task.gallery))
    slices = {}
    for other in sorted(set(shown)):
        rows = np.flatnonzero(shown == other)
        parts = [
            Draw(draw.queries[asked[draw.queries]], np.searchsorted(rows, draw.gallery[shown[draw.gallery] == other]))
            for draw in task.draws
        ]
        alone = replace(task, gallery=[task.gallery[int(row)] for row in rows], draws=parts, ways={})
        units = Units.of(alone, parts, outcomes_by_trial(alone, queries, gallery.take(rows), protocol, metric))
        for camera in sorted(set(cameras[units.probe])):
            name = f"{task.network.shown(camera)} → {task.network.shown(other)}"
            slices[camera, other] = units.some(cameras[units.probe] == camera).slice(name)
    yield from (slices[key] for key in sorted(slices))
