"""What is found of synthetic people, as a mean over ten sets of sixty: sets differ more than trainings do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from rgbir.export.reproduce.drawn import people_of
from rgbir.index import Metric, SysuMM01
from rgbir.index.datasets.task import Task
from rgbir.index.evaluation import PROTOCOLS, RANKS, Features, evaluate
from rgbir.index.evaluation.benchmark import Choice
from rgbir.index.synthetic import Split

SEEDS = range(1, 11)
PEOPLE, IMAGES = Split(0, 0, 60), 6
PROTOCOL = PROTOCOLS["sysu"]


def the_set(drawing: int, seed: int, folder: Path) -> SysuMM01:
    """Sixty people, drawn if they aren't there yet.

    Args:
        drawing: 1 or 2.
        seed: one of `SEEDS`.
        folder: of the sets of all drawings and seeds.

    Raises:
        CantWrite: the disk is full, or closed to us.
    """
    return people_of(drawing, PEOPLE, IMAGES, seed, folder / f"drawing-{drawing}" / f"seed-{seed}")


def over_sets(sets: Iterable[SysuMM01], embed: Callable[[Task], Features], metric: Metric) -> dict[str, Any]:
    """Infrared asks for colour, all-search and single-shot: SYSU-MM01's protocol on each set.

    Args:
        sets: whose test people are found.
        embed: makes features of all of a task's images.
        metric: the distance that the network's method prescribes.

    Returns:
        `sets`, how many there were; the mean of each score over them, 0 to 1; under `spread` its standard deviation (n - 1), 0
        of a single set.
    """
    scores: list[dict[str, float]] = []
    for data in sets:
        task = Choice(PROTOCOL).task(data)
        features = embed(task)
        report = evaluate(task, features, features, PROTOCOL, metric)
        ranks = {f"rank_{rank}": report.rank(rank) for rank in RANKS}
        scores.append({**ranks, "mAP": report.mean_ap, "mINP": report.mean_inp})
    columns = {name: np.array([each[name] for each in scores]) for name in scores[0]}
    spread = {name: float(column.std(ddof=1)) if len(column) > 1 else 0.0 for name, column in columns.items()}
    return {"sets": len(scores), **{name: float(column.mean()) for name, column in columns.items()}, "spread": spread}
