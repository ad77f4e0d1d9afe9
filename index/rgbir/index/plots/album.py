"""Every picture of one evaluation, into a folder."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Modality
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.evaluation import Features, Protocol, Report, Task
from rgbir.index.evaluation.run import hidden_rows
from rgbir.index.files import beside
from rgbir.index.metric import Metric
from rgbir.index.nearest.comparison import Comparison
from rgbir.index.plots.cameras import camera_pairs, draw_camera_pairs
from rgbir.index.plots.canvas import draw_cmc, draw_distances
from rgbir.index.plots.neighbours import draw_map
from rgbir.index.plots.sheet import draw_sheet

PEOPLE, IMAGES, QUERIES, HITS = 20, 20, 8, 10
"""On the map: so many people, so many images of each; on the sheet: so many queries, so many hits of each."""


def draw_all(
    folder: Path,
    task: Task,
    queries: Features,
    gallery: Features,
    protocol: Protocol,
    metric: Metric,
    report: Report,
    *,
    others: Mapping[str, Sequence[float]] | None = None,
) -> list[Path]:
    """cmc.png, ranked.png, map.png, distances.png, cameras.png and cameras.csv; what they show is the first trial.

    Args:
        others: curves of other runs by name, for cmc.png.
    """
    folder.mkdir(parents=True, exist_ok=True)
    queries, gallery = queries.of_records(task.queries), gallery.of_records(task.gallery)
    name = report.about.get("model", "this run")
    draw_cmc({name: report.curve.tolist(), **(others or {})}, folder / "cmc.png", report.title.split(" metric=")[0])
    first = task.draws[0]
    asked, shown = queries.take(first.queries), gallery.take(first.gallery)
    hidden = hidden_rows(protocol.hiding, task.network, asked, shown)
    keys = Comparison(metric, shown.embeddings).keys(asked.embeddings)
    if hidden is not None:
        keys[hidden] = np.inf
    records = [task.gallery[int(row)] for row in first.gallery]
    chosen = _from_worst_to_best(report, len(asked))
    draw_sheet(
        [(task.queries[int(first.queries[row])], _hits(keys[row], records, metric)) for row in chosen],
        folder / "ranked.png",
    )
    _draw_distances(keys, asked, shown, metric, folder / "distances.png")
    _draw_map(asked, shown, task, folder / "map.png")
    pairs = camera_pairs(task, queries, gallery, protocol, metric)
    draw_camera_pairs(pairs, folder / "cameras.png")
    with beside(folder / "cameras.csv") as new, new.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["query camera", "gallery camera", "valid queries", "rank-1", "mAP"])
        lines.writerows([cell(p.query), cell(p.gallery), p.queries, p.rank_1, p.mean_ap] for p in pairs)
    return sorted(path for path in folder.iterdir() if path.suffix in (".png", ".csv"))


def cell(text: str) -> str:
    """A text for a table, which a spreadsheet must not take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def read_curve(file: Path) -> list[float]:
    """The curve of a report that was saved as JSON."""
    curve: list[float] = json.loads(file.read_text(encoding="utf-8"))["curve"]
    return curve


def _from_worst_to_best(report: Report, queries: int) -> list[int]:
    """Queries spread evenly over their average precision; invalid ones are left out."""
    outcomes = report.trials[0].by_query
    valid = np.flatnonzero(outcomes.rank >= 0)
    order = valid[np.argsort(outcomes.ap[valid], kind="stable")]
    return [int(row) for row in order[np.linspace(0, len(order) - 1, min(QUERIES, len(order))).round().astype(int)]]


def _hits(keys: NDArray[np.float64], records: Sequence[ImageRecord], metric: Metric) -> list[tuple[ImageRecord, float]]:
    order = [int(row) for row in np.argsort(keys, kind="stable")[:HITS] if np.isfinite(keys[row])]
    distances = metric.distance(np.maximum(keys[order], 0))
    return [(records[row], float(distance)) for row, distance in zip(order, distances, strict=True)]


def _draw_distances(keys: NDArray[np.float64], asked: Features, shown: Features, metric: Metric, file: Path) -> None:
    same = (asked.identities[:, None] == shown.identities[None, :]) & (asked.identities[:, None] >= 0)
    distances = metric.distance(np.maximum(keys, 0))
    seen = np.isfinite(keys)
    label = "Euclidean distance" if metric is Metric.EUCLIDEAN else "1 - cosine"
    draw_distances(distances[same & seen], distances[~same & seen], file, label)


def _draw_map(asked: Features, shown: Features, task: Task, file: Path) -> None:
    """A few people that both sides know."""
    both = np.intersect1d(asked.identities, shown.identities)
    people = both[both >= 0][:PEOPLE]
    modality_of = {record.source: record.modality or Modality.RGB for record in (*task.queries, *task.gallery)}
    parts, names, modalities = [], [], []
    for side in (asked, shown):
        for identity in people:
            rows = np.flatnonzero(side.identities == identity)[:IMAGES]
            parts.append(side.embeddings[rows])
            names += [int(identity)] * len(rows)
            modalities += [modality_of[str(source)] for source in side.sources[rows]]
    draw_map(np.concatenate(parts), np.array(names, np.int64), modalities, file)
