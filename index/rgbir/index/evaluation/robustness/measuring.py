"""One report of how often a model errs: the whole, by property, by pair of cameras, and what the verdict is worth.

Of several data sets, such as ten drawings of other people, each is searched by itself. Then all their probes are told together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import starmap
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Modality
from rgbir.index.datasets.protocol import Protocol
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.task import Draw, Task
from rgbir.index.errors import UsageError
from rgbir.index.evaluation.robustness.accepts import accepts
from rgbir.index.evaluation.robustness.cuts import Cut, between, thirds
from rgbir.index.evaluation.robustness.part import Part
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


class Divided(NamedTuple):
    """The probes of one modality in one data set, or in several, and by what they are divided.

    Attributes:
        units: their outcomes, n of them.
        of_probe, of_rows: float64 (n, 5), the looks of the probe, and the mean of those of the rows sought.
        gaps: float64 (n,), seconds between the probe and the nearest row sought in time; NaN where a time isn't known.
        clothes: str (n,), who is dressed like others; empty where nobody knows.
    """

    units: Units
    of_probe: NDArray[np.float64]
    of_rows: NDArray[np.float64]
    gaps: NDArray[np.float64]
    clothes: NDArray[np.str_]

    @classmethod
    def of(cls, part: Part, protocol: Protocol, modality: Modality, looks: Sequence[NDArray[np.float64]]) -> Divided:
        """Of one data set.

        Args:
            looks: float64 (q, 5) of the task's queries, and (g, 5) of its gallery.
        """
        task, of_row = part.task, looks[1]
        units = Units.of(task, task.draws, [trial.by_query for trial in part.report.trials])
        units = units.some(_of_modality(task.queries, modality)[units.probe])
        rows = sought(task, protocol.hiding, units)
        means = np.array([of_row[list(numbers)].mean(axis=0) for numbers in rows]).reshape(-1, len(MEASURED))
        gaps = list(starmap(lambda probe, numbers: _gap(task, probe, numbers), zip(units.probe, rows, strict=True)))
        clothes = ["" if part.alike is None else part.alike(int(person)) for person in units.identity]
        return cls(units, looks[0][units.probe], means, np.array(gaps, np.float64), np.array(clothes, np.str_))

    @classmethod
    def joined(cls, parts: Sequence[Divided]) -> Divided:
        """Of several data sets."""
        columns = (np.concatenate(column) for column in zip(*(part[1:] for part in parts), strict=True))
        return cls(Units.joined([part.units for part in parts]), *columns)


def robustness(
    parts: Sequence[Part], protocol: Protocol, metric: Metric, about: dict[str, str], advance: Progress = silent
) -> Robustness:
    """Divides what evaluations measured: of one data set, or of several that were searched one by one.

    Args:
        parts: of one data set each.
        about: the model, the data, and versions.
        advance: is told of pictures that were looked at.

    Raises:
        UsageError: tracklets, of which nothing of this is known.
        BadImage: a picture can't be read.
    """
    if any(part.task.of_tracklets for part in parts):
        raise UsageError("--report robustness is of single pictures; the data set is measured by tracklets")
    looks = [[_looks(records, advance) for records in (part.task.queries, part.task.gallery)] for part in parts]
    sides = []
    for modality, name in SIDES.items():
        asked = [_of_modality(part.task.queries, modality) for part in parts]
        divided = Divided.joined(
            [Divided.of(part, protocol, modality, look) for part, look in zip(parts, looks, strict=True)]
        )
        if not len(divided.units.probe):
            continue
        shown = [np.ones(len(part.task.gallery), bool) for part in parts]
        if protocol.hiding == "place and modality":
            shown = [~_of_modality(part.task.gallery, modality) for part in parts]
        sides.append(
            Side(
                probes=name,
                whole=divided.units.slice("all"),
                properties=tuple(_properties(divided)),
                pairs=tuple(_pairs(parts, protocol, metric, asked)),
                accepts=accepts(parts, metric, asked, shown),
            )
        )
    rules = {key: str(value) for key, value in parts[0].report.to_dict()["protocol"].items()}
    return Robustness(protocol=rules, about=about, sides=tuple(sides))


def _of_modality(records: Sequence[ImageRecord], modality: Modality) -> NDArray[np.bool_]:
    return np.array([record.modality is modality for record in records], np.bool_)


def _looks(records: Sequence[ImageRecord], advance: Progress) -> NDArray[np.float64]:
    """(n, 5), in the order of `Looks`."""
    looks = []
    for record in records:
        looks.append(Looks.of(record.decoded()))
        advance(1)
    return np.array(looks, np.float64)


def _properties(divided: Divided) -> Iterator[Property]:
    for column, (name, (measure, unit)) in enumerate(MEASURED.items()):
        for of, looks in (("probe", divided.of_probe), ("rows sought", divided.of_rows)):
            values = looks[:, column]
            cut = between(values, CLIPPED_EDGES, CLIPPED_NAMES) if name == "clipped pixels" else thirds(values, unit)
            words = measure if of == "probe" else f"{measure}; the mean of the rows that show the person"
            yield Property(name=name, of=of, measure=words, slices=_sliced(divided.units, cut))
    yield _by_time(divided)
    yield _by_clothes(divided)


def _sliced(units: Units, cut: Sequence[Cut]) -> tuple[Slice, ...]:
    return tuple(units.some(mask).slice(name) for name, mask in cut)


def _by_time(divided: Divided) -> Property:
    known = {"name": "time between", "of": "both", "measure": TIME}
    if np.isnan(divided.gaps).all():
        return Property(**known, unknown="it can't be told: no probe and row sought have both a time")
    return Property(**known, slices=_sliced(divided.units, between(divided.gaps, TIME_EDGES, TIME_NAMES)))


def _gap(task: Task, probe: int, rows: Sequence[int]) -> float:
    """Seconds; NaN where a time isn't known."""
    asked = task.queries[probe].taken_at
    times: list[datetime] = [at for row in rows if (at := task.gallery[row].taken_at) is not None]
    return min((abs((at - asked).total_seconds()) for at in times), default=np.nan) if asked else np.nan


def _by_clothes(divided: Divided) -> Property:
    known = {"name": "uniforms and look-alikes", "of": "both", "measure": CLOTHES}
    if not all(divided.clothes):
        return Property(
            **known, unknown="it can't be told: the data doesn't say who is dressed alike; --alike FILE does"
        )
    cut = [(str(kind), divided.clothes == kind) for kind in sorted(set(divided.clothes))]
    return Property(**known, slices=_sliced(divided.units, cut))


def _pairs(
    parts: Sequence[Part], protocol: Protocol, metric: Metric, asked: Sequence[NDArray[np.bool_]]
) -> Iterator[Slice]:
    """Searches of one camera alone, by the probe's camera; pairs that find nobody by the protocol's rule aren't there."""
    units: dict[tuple[str, str], list[Units]] = defaultdict(list)
    names: dict[tuple[str, str], str] = {}
    for part, of_side in zip(parts, asked, strict=True):
        shown = part.task.network.shown
        for (camera, other), alone in _alone(part, protocol, metric, of_side):
            units[camera, other].append(alone)
            names[camera, other] = f"{shown(camera)} → {shown(other)}"
    yield from (Units.joined(units[key]).slice(names[key]) for key in sorted(units))


def _alone(
    part: Part, protocol: Protocol, metric: Metric, asked: NDArray[np.bool_]
) -> Iterator[tuple[tuple[str, str], Units]]:
    """Of each camera of probes and each camera that is searched alone, in one data set."""
    task = part.task
    cameras, shown = (np.array([record.camera for record in records]) for records in (task.queries, task.gallery))
    for other in sorted(set(shown)):
        rows = np.flatnonzero(shown == other)
        draws = [
            Draw(draw.queries[asked[draw.queries]], np.searchsorted(rows, draw.gallery[shown[draw.gallery] == other]))
            for draw in task.draws
        ]
        alone = replace(task, gallery=[task.gallery[int(row)] for row in rows], draws=draws, ways={})
        outcomes = outcomes_by_trial(alone, part.queries, part.gallery.take(rows), protocol, metric)
        units = Units.of(alone, draws, outcomes)
        for camera in sorted(set(cameras[units.probe])):
            yield (camera, other), units.some(cameras[units.probe] == camera)
