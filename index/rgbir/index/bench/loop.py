"""An evaluation as one writes it first: trial by trial, query by query, the ranked list walked row by row."""

from __future__ import annotations

import numpy as np

from rgbir.index.evaluation import Features, Task

Answer = tuple[float, float, float, float]


def loop(task: Task, features: Features) -> list[Answer]:
    """Rank-1, rank-20 by identities, mAP and mINP of each trial by the place rule; Euclidean."""
    row_of = {str(source): row for row, source in enumerate(features.sources)}
    queries = [(record, features.embeddings[row_of[record.source]]) for record in task.queries]
    results = []
    for draw in task.draws:
        records = [task.gallery[int(row)] for row in draw.gallery]
        values = np.stack([features.embeddings[row_of[record.source]] for record in records])
        ranks, aps, inps = [], [], []
        for record, value in queries:
            distances = ((values - value) ** 2).sum(axis=1)
            seen: list[int | None] = []
            places = []
            rank = place = 0
            for row in np.argsort(distances, kind="stable"):
                hit = records[row]
                if task.network.same_place(hit.camera, record.camera):
                    continue
                place += 1
                if hit.identity == record.identity:
                    places.append(place)
                    if len(places) == 1:
                        rank = len(seen)
                elif not places and hit.identity not in seen:
                    seen.append(hit.identity)
            if places:
                ranks.append(rank)
                aps.append(sum(number / place for number, place in enumerate(places, start=1)) / len(places))
                inps.append(len(places) / places[-1])
        first = np.array(ranks)
        results.append(
            (float((first < 1).mean()), float((first < 20).mean()), float(np.mean(aps)), float(np.mean(inps)))
        )
    return results
