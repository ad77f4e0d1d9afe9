"""What a report of errors is made of: the evaluation of one data set, or of several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.datasets.task import Task
from rgbir.index.evaluation.features import Features
from rgbir.index.evaluation.report import Report
from rgbir.index.evaluation.robustness.alike import Alike


class Part(NamedTuple):
    """The evaluation of one data set. A search stays within it.

    Attributes:
        task: what was asked.
        queries, gallery: embeddings of the task's rows, in their order.
        report: the evaluation's.
        alike: in which slice of people a person is; None where nobody knows who is dressed alike.
    """

    task: Task
    queries: Features
    gallery: Features
    report: Report
    alike: Alike | None = None


def distinct(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Numbers from 0 on of several parts, int64 (n,) each, moved so that no part has a number of another: int64, (all n,)."""
    firsts = np.cumsum([0, *(part.max(initial=-1) + 1 for part in parts[:-1])])
    return np.concatenate([part + first for part, first in zip(parts, firsts, strict=True)])
