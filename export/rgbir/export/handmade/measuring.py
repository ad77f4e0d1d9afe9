"""A fitted hand-made system, measured as any model is, also where its distances are not those of vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from rgbir.index import ImageRecord, Metric, Modality, UsageError, pixels
from rgbir.index.evaluation import Features, Protocol, Ranked, Report, Task, evaluate, evaluate_ranked
from rgbir.index.progress import Progress, silent
from rgbir.training.handmade.fit import BATCH, Fitted
from rgbir.training.handmade.recipe import HEIGHT, WIDTH

Floats = NDArray[np.float64]


def measured(
    fitted: Fitted, task: Task, protocol: Protocol, about: dict[str, str], progress: Progress = silent
) -> Report:
    """Measures the system on a task.

    Args:
        fitted: the system.
        task: what to describe and to rank.
        protocol: by which rules.
        about: what stands below the report.
        progress: told of images that were described.

    Raises:
        BadImage: an image can't be read.
        UsageError: tracklets, where distances are not those of vectors.
        EvaluationError: no number can be given.
    """
    features = embedded(fitted, task.images, progress)
    projection = fitted.projection
    if projection.is_a_vector:
        return evaluate(task, features, features, protocol, projection.metric, about)
    if task.of_tracklets:
        raise UsageError(
            f"{fitted.system.name} gives distances that are not those of vectors, and tracklets are pooled as vectors"
        )
    asked, shown = (features.of_records(side).embeddings.astype(np.float64) for side in (task.queries, task.gallery))
    return evaluate_ranked(
        task, lambda rows: Ranked.of(signed(asked[rows], shown, projection.signs)), protocol, Metric.EUCLIDEAN, about
    )


def signed(asked: Floats, shown: Floats, signs: Floats) -> Floats:
    """Sums of squared differences with these signs, (k,), between rows (q, k) and (n, k): (q, n)."""
    squares = [(side * side) @ signs for side in (asked, shown)]
    return np.asarray(squares[0][:, None] + squares[1][None, :] - 2 * (asked * signs) @ shown.T, np.float64)


def embedded(fitted: Fitted, records: Sequence[ImageRecord], progress: Progress = silent) -> Features:
    """What the system makes of the records' images, in their order."""
    embeddings = np.empty((len(records), len(fitted.projection.signs)), np.float32)
    for modality in Modality:
        network = fitted.network(modality)
        rows = [row for row, record in enumerate(records) if (record.modality or Modality.RGB) is modality]
        for start in range(0, len(rows), BATCH):
            group = rows[start : start + BATCH]
            images = np.stack([pixels(records[row].decoded(), HEIGHT, WIDTH) for row in group])
            with torch.inference_mode():
                embeddings[group] = network(torch.from_numpy(images)).numpy()
            progress(len(group))
    return Features.of_images(embeddings, records)
