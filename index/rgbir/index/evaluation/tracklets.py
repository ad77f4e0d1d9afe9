"""Tracklets as rows of a task: their frames' embeddings pooled to one, or compared frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rgbir.index.datasets.records import ImageRecord, frames_of
from rgbir.index.datasets.task import Task
from rgbir.index.evaluation.features import Features
from rgbir.index.evaluation.ranking import Rank
from rgbir.index.metric import Metric
from rgbir.index.nearest.comparison import Comparison, Ranked


def pooled(task: Task, queries: Features, gallery: Features, metric: Metric) -> tuple[Features, Features]:
    """Features of a task's queries and of its gallery rows, one each, in their order.

    Of a tracklet's frames each embedding is prepared (to length 1 with the cosine metric), and the mean or the median of
    each value is prepared again. Features that have the tracklets' own names are taken as they are.

    Args:
        task: of images or of tracklets; it says the pool, which isn't `best`.
        queries, gallery: embeddings of images, or of tracklets, known by their sources.
        metric: the model's own.

    Raises:
        EvaluationError: an image has no feature.
    """
    return _one_each(task, task.queries, queries, metric), _one_each(task, task.gallery, gallery, metric)


def by_nearest_frames(task: Task, queries: Features, gallery: Features, metric: Metric) -> Rank:
    """Ranks tracklets by the least distance between a frame of the query's and a frame of theirs.

    Args:
        task: of tracklets.
        queries, gallery: embeddings of their frames, known by their sources.
        metric: the model's own.

    Raises:
        EvaluationError: a frame has no feature.
    """
    asked, shown = queries.of_records(frames_of(task.queries)), gallery.of_records(frames_of(task.gallery))
    ends, starts = _ends(task.queries), _ends(task.gallery)[:-1]
    compared = Comparison(metric, shown.embeddings)

    def keys(row: int) -> NDArray[np.float64]:
        by_frame = compared.keys(asked.embeddings[ends[row] : ends[row + 1]]).min(axis=0)
        return np.asarray(np.minimum.reduceat(by_frame, starts), np.float64)

    return lambda rows: Ranked.of(np.stack([keys(int(row)) for row in rows]))


def _one_each(task: Task, records: Sequence[ImageRecord], features: Features, metric: Metric) -> Features:
    if not task.of_tracklets or {record.name for record in records} <= set(map(str, features.sources)):
        return features.of_records(records)
    frames = metric.prepare(features.of_records(frames_of(records)).embeddings)
    middle = np.median if task.pool == "median" else np.mean
    of_each = [middle(frames[a:b].astype(np.float64), axis=0) for a, b in pairwise(_ends(records))]
    return Features.of_images(metric.prepare(np.array(of_each, np.float32)), records)


def _ends(records: Sequence[ImageRecord]) -> NDArray[np.int64]:
    """Where each record's frames begin among all of them, and their end: int64 (n + 1,)."""
    return np.cumsum([0, *(len(frames_of([record])) for record in records)])
