"""What a bundle finds of synthetic people, as a mean over ten sets of sixty: sets differ more than trainings do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rgbir.export.errors import Interrupted
from rgbir.export.reproduce.demonstration.drawn import people_of
from rgbir.index import Encoder, SysuMM01
from rgbir.index.evaluation import PROTOCOLS, RANKS, evaluate
from rgbir.index.evaluation.benchmark import Choice
from rgbir.index.evaluation.sources import encoded
from rgbir.index.synthetic import Split

SEEDS = range(1, 11)
PEOPLE, IMAGES = Split(0, 0, 60), 6
DRAWINGS = (1, 2)
PROTOCOL = PROTOCOLS["sysu"]


def the_set(drawing: int, seed: int, folder: Path) -> SysuMM01:
    """Sixty people; `folder` holds those of all drawings and seeds."""
    return people_of(drawing, PEOPLE, IMAGES, seed, folder / f"drawing-{drawing}" / f"seed-{seed}")


def over_sets(encoder: Encoder, drawing: int, folder: Path, stop: Callable[[], bool]) -> dict[str, Any]:
    """Infrared asks for colour, all-search and single-shot: SYSU-MM01's protocol on each of the ten sets.

    Args:
        encoder: of the bundle.
        drawing: 1 or 2.
        folder: of the sets, as `the_set` takes it.
        stop: asked before each set.

    Returns:
        The mean of each score over the sets, 0 to 1; its standard deviation (n - 1) under `spread`; rank-1 of each set by seed.

    Raises:
        Interrupted: `stop` said so; what is drawn stays.
        CantWrite: the disk is full, or closed to us.
    """
    scores: list[dict[str, float]] = []
    for seed in SEEDS:
        if stop():
            raise Interrupted(f"before set {seed} of drawing {drawing}")
        task = Choice(PROTOCOL).task(the_set(drawing, seed, folder))
        features = encoded(task.images, encoder)
        report = evaluate(task, features, features, PROTOCOL, encoder.card.metric)
        ranks = {f"rank_{rank}": report.rank(rank) for rank in RANKS}
        scores.append({**ranks, "mAP": report.mean_ap, "mINP": report.mean_inp})
    columns = {name: np.array([each[name] for each in scores]) for name in scores[0]}
    return {
        **{name: round(float(column.mean()), 6) for name, column in columns.items()},
        "spread": {name: round(float(column.std(ddof=1)), 6) for name, column in columns.items()},
        "sets": {str(seed): round(each["rank_1"], 6) for seed, each in zip(SEEDS, scores, strict=True)},
    }
