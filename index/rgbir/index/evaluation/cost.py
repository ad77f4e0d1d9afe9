"""What less precision costs on somebody's images: one network, computed twice, measured twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rgbir.index.datasets.dataset import DataSet
from rgbir.index.datasets.records import frames_of
from rgbir.index.encoder import Encoder
from rgbir.index.errors import EvaluationError, UsageError
from rgbir.index.evaluation.benchmark import TRAINED_LISTS, Bar, Choice, expect_strangers, no_bar, split_of
from rgbir.index.evaluation.compare import Difference, compare
from rgbir.index.evaluation.sources import encoded
from rgbir.index.metric import Metric
from rgbir.index.nearest.comparison import Comparison

NEAREST = 10
_BLOCK_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What a computation of a model loses against an exact one.

    Attributes:
        exact, other: names of the two, and what computed them.
        differences: of the measures: the other's minus the exact one's.
        cosine_mean, cosine_least: between the two embeddings of an image.
        nearest_in_common: share of the ten nearest gallery images of a query that are the same, over all queries.
        images: how many were embedded.
    """

    exact: str
    other: str
    differences: list[Difference]
    cosine_mean: float
    cosine_least: float
    nearest_in_common: float
    images: int


def cost(
    data: DataSet, choice: Choice, exact: Encoder, other: Encoder, metric: Metric | None = None, bar: Bar = no_bar
) -> Cost:
    """Embeds the images of the data set's protocol by both, and compares embeddings and measures.

    Args:
        metric: the distance; the exact model's own if None.

    Raises:
        UsageError: both are the same; or people whom the model was trained on.
        EvaluationError: they aren't of one network.
    """
    if exact.card.fingerprint == other.card.fingerprint and exact.runner == other.runner:
        raise UsageError(
            f"both would be {_named(exact)}: give --bundle of less precision, or --runner, to compare with --cost-against"
        )
    if (exact.card.dimension, exact.card.metric) != (other.card.dimension, other.card.metric):
        raise EvaluationError(
            f"{_named(exact)} has embeddings of {exact.card.dimension} values, {exact.card.metric}, and {_named(other)} of"
            f" {other.card.dimension}, {other.card.metric}; what precision costs is known of one network alone"
        )
    task = choice.task(data, split_of(other.card))
    if choice.setting.identities not in TRAINED_LISTS:
        expect_strangers(data, other.card.name, other.card.trained_on, task)
    images = task.images
    with bar("encoding twice", 2 * len(images)) as advance:
        a, b = (encoded(images, encoder, advance) for encoder in (exact, other))
    distance = metric or exact.card.metric
    before, after = (choice.measure(task, features, features, distance, {}).to_dict() for features in (a, b))
    cosines = _cosines(a.embeddings, b.embeddings)
    row_of = {image.name: row for row, image in enumerate(images)}
    queries, gallery = (
        np.array([row_of[frame.name] for frame in frames_of(records)], np.int64)
        for records in (task.queries, task.gallery)
    )
    common = _in_common(*((each.embeddings[queries], each.embeddings[gallery]) for each in (a, b)), metric=distance)
    return Cost(
        _named(exact), _named(other), compare(before, after), float(cosines.mean()), float(cosines.min()), common, len(images)
    )  # fmt: skip


def _named(encoder: Encoder) -> str:
    return f"{encoder.card.name} ({encoder.runner})"


def _cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of each row of one with the same row of the other."""
    wide = [part.astype(np.float64) for part in (a, b)]
    lengths = np.linalg.norm(wide[0], axis=1) * np.linalg.norm(wide[1], axis=1)
    return np.asarray((wide[0] * wide[1]).sum(axis=1) / lengths, np.float64)


def _in_common(*sides: tuple[NDArray[np.float32], NDArray[np.float32]], metric: Metric) -> float:
    """The share of the nearest gallery rows that two sides, queries and gallery each, agree on."""
    compared = [Comparison(metric, gallery) for _, gallery in sides]
    most = min(NEAREST, len(sides[0][1]))
    step = max(1, _BLOCK_CELLS // len(sides[0][1]))
    shared = 0
    for start in range(0, len(sides[0][0]), step):
        orders: Sequence[NDArray[np.int32]] = [
            each.ranked(queries[start : start + step]).order[:, :most]
            for each, (queries, _) in zip(compared, sides, strict=True)
        ]
        shared += int((orders[0][:, :, None] == orders[1][:, None, :]).sum())
    return shared / (most * len(sides[0][0]))
