"""What a trained network finds of drawing 2's people: across the modalities, within each, and whom it takes for whom.

Every figure is in percent, by SYSU-MM01's rule for all-search and one shot: ten galleries of one picture a person and camera,
drawn by seed, and nothing of the query's own place.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rgbir.index.datasets.dataset import List
from rgbir.index.datasets.draws import seeded
from rgbir.index.datasets.protocol import Protocol
from rgbir.index.datasets.sysu_mm01 import INFRARED, VISIBLE, SysuMM01
from rgbir.index.datasets.task import Draw, Task, rows_drawn
from rgbir.index.evaluation import Features, evaluate
from rgbir.index.metric import Metric
from rgbir.index.nearest.comparison import Comparison
from rgbir.index.synthetic.drawing2.lookalikes import resemble
from rgbir.index.synthetic.drawing2.world import World

SEEDED = next(protocol for protocol in SysuMM01.protocols if protocol.name == "sysu-seeded")
WAYS = {"across": (INFRARED, VISIBLE), "colour": (VISIBLE, VISIBLE), "infrared": (INFRARED, INFRARED)}
"""The cameras of the queries, and those of the gallery."""


def between(data: SysuMM01, of: List, asked: tuple[int, ...], shown: tuple[int, ...]) -> Task:
    """Every picture of the asked cameras against ten galleries of the shown ones, which may be the same."""
    identities = data.identities(of)
    sizes = {(camera, identity): len(data.files(camera, identity)) for camera in shown for identity in identities}
    queries, gallery = (list(data.records(of, cameras)) for cameras in (asked, shown))
    picks = (seeded(sizes, identities, shown, 1, trial) for trial in range(SEEDED.trials))
    everyone = np.arange(len(queries))
    draws = [Draw(everyone, rows) for rows in rows_drawn(gallery, picks)]
    return Task(data.network, {"identities": of}, queries, gallery, draws)


def found_by(features: Features, metric: Metric, data: SysuMM01, world: World, of: List = "val") -> dict[str, float]:
    """Rank-1 and mAP across the modalities, rank-1 within each, and the share of look-alikes among wrong first answers.

    Args:
        features: of all pictures of these people.
        metric: the distance that the network's method prescribes.
        data: the people.
        world: which says who resembles whom.
        of: whose list.
    """
    tasks = {way: between(data, of, *cameras) for way, cameras in WAYS.items()}
    reports = {way: evaluate(task, features, features, SEEDED, metric) for way, task in tasks.items()}
    wrong = [resemble(world, *pair) for pair in mistaken(tasks["across"], SEEDED, features, metric)]
    return {
        "f_across": 100 * reports["across"].rank(1),
        "f_across_map": 100 * reports["across"].mean_ap,
        "g_colour": 100 * reports["colour"].rank(1),
        "h_infrared": 100 * reports["infrared"].rank(1),
        "k_lookalikes": 100 * float(np.mean(wrong)) if wrong else 0.0,
    }


def mistaken(task: Task, protocol: Protocol, features: Features, metric: Metric) -> Iterator[tuple[int, int]]:
    """Whom a query shows, and whom the first answer shows, where they are two people; trial by trial.

    Queries of whom a trial shows nobody are left out, as in the rank.
    """
    rows = {source: row for row, source in enumerate(features.sources)}
    asked, offered = (
        np.stack([features.embeddings[rows[record.source]] for record in side]) for side in (task.queries, task.gallery)
    )
    people = np.array([record.identity for record in task.gallery])
    places = np.array([task.network[record.camera].place for record in task.gallery])
    keys = Comparison(metric, offered).keys(asked)
    for draw in task.draws:
        for query in draw.queries:
            record = task.queries[int(query)]
            visible = draw.gallery[places[draw.gallery] != task.network[record.camera].place]
            if record.identity not in people[visible]:
                continue
            first = int(people[visible[keys[query, visible].argmin()]])
            if record.identity is not None and first != record.identity:
                yield record.identity, first
