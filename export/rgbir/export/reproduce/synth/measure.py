"""What a trained network finds of people whom it wasn't trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import torch

from rgbir.export.errors import Interrupted
from rgbir.export.reproduce.sets import SEEDS, over_sets, the_set
from rgbir.index import SysuMM01
from rgbir.index.bench.trained import SEEDED, between
from rgbir.index.datasets.sysu_mm01 import INFRARED, VISIBLE
from rgbir.index.datasets.task import Task
from rgbir.index.evaluation import Features, evaluate
from rgbir.training.data.store import ImageStore
from rgbir.training.method import Method
from rgbir.training.recipe import AnyRecipe
from rgbir.training.validate import embedded

HELD_BACK: Final = "val"
TESTED: Final = "test"
LISTS = (HELD_BACK, TESTED)
SCORES = {"rank_1": "rank-1", "mAP": "mAP", "mINP": "mINP"}


def tested(size: str, data: SysuMM01, folder: Path) -> Iterator[SysuMM01]:
    """The sets of people that networks are tested on: ten of sixty. The size tiny, which measures nothing, has one of its own.

    Args:
        size: of the people that are trained on.
        data: these.
        folder: where the sets are, or are drawn into.
    """
    return iter([data]) if size == "tiny" else (the_set(2, seed, folder) for seed in SEEDS)


def measured(
    method: Method,
    recipe: AnyRecipe,
    data: SysuMM01,
    sets: Iterable[SysuMM01],
    device: torch.device,
    cache: Path,
    stop: Callable[[], bool],
) -> dict[str, Any]:
    """Rank-1, mAP and mINP in percent: of the people held back, if there are any, and of those tested.

    Infrared asks for colour, all-search and single-shot: ten galleries, and nothing of the query's own place.

    Args:
        method: the trained network.
        recipe: of its images.
        data: whose list val is held back.
        sets: who is tested: a figure is the mean over these, with its standard deviation under `spread`.
        device: where the network is.
        cache: folder of decoded images.
        stop: asked again and again.

    Raises:
        Interrupted: `stop` said so.
        CantWrite: the disk is full, or closed to us.
    """

    def embed(task: Task) -> Features:
        store = ImageStore(list(task.images), recipe.height, recipe.width, recipe.resize)
        store.fill(cache)
        if (features := embedded(method, store, device, stop=stop)) is None:
            raise Interrupted("while people were measured")
        return features

    figures: dict[str, Any] = {}
    if people := len(data.identities(HELD_BACK)):
        task = between(data, HELD_BACK, INFRARED, VISIBLE)
        features = embed(task)
        report = evaluate(task, features, features, SEEDED, method.metric)
        scores = (100 * report.rank(1), 100 * report.mean_ap, 100 * report.mean_inp)
        figures[HELD_BACK] = {"people": people, **dict(zip(SCORES, scores, strict=True))}
    each = list(sets)
    means = over_sets(each, embed, method.metric)
    figures[TESTED] = {
        "people": len(each[0].identities(TESTED)),
        "sets": means["sets"],
        **{score: 100 * means[score] for score in SCORES},
        "spread": {score: 100 * means["spread"][score] for score in SCORES},
    }
    return figures
