"""An evaluation as one writes it first: trial by trial, query by query."""

from __future__ import annotations

import numpy as np

from rgbir.index.evaluation import Features, Task


def loop(task: Task, features: Features) -> list[tuple[float, float, float]]:
    """Rank-1, mAP and mINP of each trial by the place rule; Euclidean."""
    row_of = {str(source): row for row, source in enumerate(features.sources)}
    queries = [(record, features.embeddings[row_of[record.source]]) for record in task.queries]
    results = []
    for draw in task.draws:
        records = [task.gallery[int(row)] for row in draw.gallery]
        values = np.stack([features.embeddings[row_of[record.source]] for record in records])
        identities = np.array([record.identity for record in records])
        places = np.array([task.network[record.camera].place for record in records])
        firsts, aps, inps = [], [], []
        for record, value in queries:
            shown = places != task.network[record.camera].place
            distances = ((values[shown] - value) ** 2).sum(axis=1)
            matches = identities[shown][np.argsort(distances, kind="stable")] == record.identity
            found = np.flatnonzero(matches) + 1
            if len(found):
                firsts.append(found[0] == 1)
                aps.append(np.mean(np.arange(1, len(found) + 1) / found))
                inps.append(len(found) / found[-1])
        results.append((float(np.mean(firsts)), float(np.mean(aps)), float(np.mean(inps))))
    return results
