"""Validation by the real protocol: the identities held back for it, through the same evaluation as a bundle's."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np
import torch

from rgbir.index import DataSet, Modality, Resize, Setting
from rgbir.index.evaluation import Features, Protocol, Report, Task, evaluate
from rgbir.training.data.store import ImageStore
from rgbir.training.data.transforms import normalise
from rgbir.training.method import Method
from rgbir.training.recipe import Recipe


class Validation:
    """Measures a method on people that its data set holds back (99 of SYSU-MM01's).

    Args:
        protocol: by which.
        task: the queries, the gallery and the trials.
        height, width: of the network's images, in pixels.
        resize: the filter that makes them so.
        at_once: images that are embedded together.
    """

    def __init__(
        self, protocol: Protocol, task: Task, height: int, width: int, resize: Resize = "bilinear", at_once: int = 64
    ) -> None:
        self.protocol, self.task, self.at_once = protocol, task, at_once
        self.stores = [ImageStore(records, height, width, resize) for records in (task.queries, task.gallery)]
        """Of the queries and the gallery, for `ImageStore.fill`."""

    def __call__(self, method: Method, device: torch.device, stop: Callable[[], bool] = lambda: False) -> Report | None:
        """The method's numbers; None if `stop`, which is asked again and again, says to give up."""
        made = []
        for store in self.stores:
            if (features := self._features(method, store, device, stop)) is None:
                return None
            made.append(features)
        return evaluate(self.task, made[0], made[1], self.protocol, method.metric)

    def _features(
        self, method: Method, store: ImageStore, device: torch.device, stop: Callable[[], bool]
    ) -> Features | None:
        modality = store.records[0].modality or Modality.RGB
        parts = []
        training = method.training
        method.eval()
        with torch.inference_mode():
            for start in range(0, len(store), self.at_once):
                if stop():
                    break
                images = np.stack([store[number] for number in range(start, min(start + self.at_once, len(store)))])
                parts.append(
                    method.embed(normalise(torch.from_numpy(images).to(device)), modality).float().cpu().numpy()
                )
        method.train(training)
        if stop():
            return None
        empty = np.empty((0, method.dimension), np.float32)
        return Features.of_images(np.concatenate([empty, *parts]), store.records)


def validation_of(data: DataSet, recipe: Recipe, trained: Collection[int]) -> Validation | str:
    """What a training is watched by: people that its data set holds back. If there is nothing to watch it by, why.

    Args:
        data: what it trains on.
        recipe: how it trains.
        trained: the identities that it trains on.
    """
    if not recipe.validate_every:
        return "validate_every is 0"
    if (held_back := data.held_back()) is None:
        return f"{data.root.name} ({data.name}) holds nobody back to validate on"
    protocol, task = held_back
    people = {record.identity for record in (*task.queries, *task.gallery)}
    if known := people & set(trained):
        return f"{len(known):,} of the {len(people):,} people that are held back are trained on"
    protocol = replace(protocol, cmc=recipe.cmc)
    return Validation(protocol, task, recipe.height, recipe.width, recipe.resize)


def first_trial_of(data: DataSet, recipe: Recipe) -> Validation:
    """The first trial of the data set's test, for `select=best_on_test`; by seed, where there is such a protocol.

    Args:
        data: what it trains on.
        recipe: how it trains.
    """
    protocol = next((known for known in data.protocols if known.selection == "seeded"), data.protocols[0])
    protocol = replace(protocol, cmc="image" if recipe.cmc == "image" else protocol.cmc, trials=1)
    task = data.task(protocol, Setting(split=recipe.data.split))
    return Validation(protocol, task, recipe.height, recipe.width, recipe.resize)
