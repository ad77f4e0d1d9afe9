"""Which pairs of cameras are easy, and which are hard."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rgbir.index.errors import EvaluationError
from rgbir.index.evaluation import Draw, Features, Protocol, Task, evaluate
from rgbir.index.metric import Metric
from rgbir.index.plots.canvas import canvas, save


@dataclass(frozen=True, slots=True)
class CameraPair:
    """The first trial, from the queries of one camera to the gallery rows of another.

    Attributes:
        query, gallery: the two cameras.
        queries: how many are valid.
        rank_1, mean_ap: fractions in 0..1; None where nobody can be found.
    """

    query: str
    gallery: str
    queries: int
    rank_1: float | None
    mean_ap: float | None


def camera_pairs(
    task: Task, queries: Features, gallery: Features, protocol: Protocol, metric: Metric
) -> list[CameraPair]:
    """The protocol's measure for each pair of a query camera and a gallery camera."""
    first = task.draws[0]
    asked = np.array([task.queries[int(row)].camera for row in first.queries])
    shown = np.array([task.gallery[int(row)].camera for row in first.gallery])
    pairs = []
    for query in sorted(set(asked.tolist())):
        for camera in sorted(set(shown.tolist())):
            draw = Draw(first.queries[asked == query], first.gallery[shown == camera])
            part = replace(task, draws=[draw])
            try:
                report = evaluate(part, queries, gallery, protocol, metric)
            except EvaluationError:
                pairs.append(CameraPair(query, camera, 0, None, None))
                continue
            valid = report.trials[0].valid_queries
            pairs.append(CameraPair(query, camera, valid, report.rank(1), report.mean_ap))
    return pairs


def draw_camera_pairs(pairs: list[CameraPair], file: Path) -> None:
    """mAP as a table of colours: queries down, gallery across."""
    asked, shown = sorted({pair.query for pair in pairs}), sorted({pair.gallery for pair in pairs})
    table = np.full((len(asked), len(shown)), np.nan)
    for pair in pairs:
        table[asked.index(pair.query), shown.index(pair.gallery)] = np.nan if pair.mean_ap is None else pair.mean_ap
    figure, axes = canvas(1.6 + 0.9 * len(shown), 1.4 + 0.6 * len(asked))
    axes.imshow(table, cmap="viridis", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        text, colour = (
            ("–", "black") if np.isnan(value) else (f"{100 * value:.1f}", "white" if value < 0.6 else "black")
        )
        axes.text(column, row, text, ha="center", va="center", color=colour)
    axes.set_xticks(range(len(shown)), shown)
    axes.set_yticks(range(len(asked)), asked)
    axes.set(xlabel="gallery camera", ylabel="query camera", title="mAP, %")
    save(figure, file)
