"""Several shots of one probe as one query."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rgbir.index.datasets.task import Draw, Task
from rgbir.index.errors import UsageError
from rgbir.index.evaluation.features import Features
from rgbir.index.gallery.query import fuse
from rgbir.index.metric import Metric


def several_shots(task: Task, queries: Features, shots: int, metric: Metric) -> tuple[Task, Features]:
    """The task with `shots` images of one person by one camera as a query, fused as a search fuses them.

    A person's images by a camera are taken in their order, `shots` at a time; what is left over makes a query of fewer. No
    data set's protocol asks this: the numbers go under a name of their own.

    Raises:
        UsageError: fewer than two shots, or a protocol whose queries are drawn.
    """
    if shots < 2:
        raise UsageError(f"a query of several shots has two or more, not {shots}")
    if any(len(draw.queries) != len(task.queries) for draw in task.draws):
        raise UsageError("queries that are drawn one by one can't be fused; leave --query-shots out")
    members: dict[tuple[str, int | None], list[int]] = {}
    for row, record in enumerate(task.queries):
        members.setdefault((record.camera, record.identity), []).append(row)
    groups = [rows[i : i + shots] for rows in members.values() for i in range(0, len(rows), shots)]
    fused = np.stack([fuse(metric, queries.embeddings[rows]) for rows in groups])
    first = np.array([rows[0] for rows in groups])
    everyone = np.arange(len(groups))
    smaller = replace(
        task,
        queries=[task.queries[int(row)] for row in first],
        draws=[Draw(everyone, draw.gallery) for draw in task.draws],
    )
    return smaller, Features(fused, queries.identities[first], queries.cameras[first], queries.sources[first])
