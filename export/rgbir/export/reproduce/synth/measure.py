"""What a trained network finds of people whom it wasn't trained on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from rgbir.export.errors import Interrupted
from rgbir.index import SysuMM01
from rgbir.index.bench.trained import SEEDED, between
from rgbir.index.datasets.dataset import List
from rgbir.index.datasets.sysu_mm01 import INFRARED, VISIBLE
from rgbir.index.evaluation import evaluate
from rgbir.training.data.store import ImageStore
from rgbir.training.method import Method
from rgbir.training.recipe import AnyRecipe
from rgbir.training.validate import embedded

LISTS: tuple[List, ...] = ("val", "test")
SCORES = {"rank_1": "rank-1", "mAP": "mAP", "mINP": "mINP"}


def measured(
    method: Method, recipe: AnyRecipe, data: SysuMM01, device: torch.device, cache: Path, stop: Callable[[], bool]
) -> dict[str, Any]:
    """Of each list that has people: how many, and rank-1, mAP and mINP in percent.

    Infrared asks for colour, all-search and single-shot: ten galleries drawn by seed, and nothing of the query's own place.

    Args:
        method: the trained network.
        recipe: of its images.
        data: the people.
        device: where the network is.
        cache: folder of decoded images.
        stop: asked again and again.

    Raises:
        Interrupted: `stop` said so.
    """
    figures: dict[str, Any] = {}
    for of in LISTS:
        if not data.identities(of):
            continue
        task = between(data, of, INFRARED, VISIBLE)
        store = ImageStore(list(data.records(of)), recipe.height, recipe.width, recipe.resize)
        store.fill(cache)
        if (features := embedded(method, store, device, stop=stop)) is None:
            raise Interrupted("while its people were measured")
        report = evaluate(task, features, features, SEEDED, method.metric)
        scores = (100 * report.rank(1), 100 * report.mean_ap, 100 * report.mean_inp)
        figures[of] = {"people": len(data.identities(of)), **dict(zip(SCORES, scores, strict=True))}
    return figures
