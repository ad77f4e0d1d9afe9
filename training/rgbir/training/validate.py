"""Validation by the real protocol: the identities held back for it, through the same evaluation as a bundle's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from rgbir.index import BadDataset, DataSet, Modality, OwnPictures, Resize, Setting, frames_of, sums_of
from rgbir.index.evaluation import Features, Protocol, Report, Task, evaluate
from rgbir.training.data.images import name_of
from rgbir.training.data.store import ImageStore
from rgbir.training.data.transforms import normalise
from rgbir.training.errors import BadRecipe
from rgbir.training.method import Method
from rgbir.training.recipe import Recipe
from rgbir.training.run import load_run


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
        sides = (list(dict.fromkeys(frames_of(records))) for records in (task.queries, task.gallery))
        self.stores = [ImageStore(images, height, width, resize) for images in sides]
        """Of the queries and the gallery, for `ImageStore.fill`; of tracklets their frames."""

    def __call__(self, method: Method, device: torch.device, stop: Callable[[], bool] = lambda: False) -> Report | None:
        """The method's numbers; None if `stop`, which is asked again and again, says to give up."""
        made = []
        for store in self.stores:
            if (features := embedded(method, store, device, self.at_once, stop)) is None:
                return None
            made.append(features)
        return evaluate(self.task, made[0], made[1], self.protocol, method.metric)


def embedded(
    method: Method,
    store: ImageStore,
    device: torch.device,
    at_once: int = 64,
    stop: Callable[[], bool] = lambda: False,
) -> Features | None:
    """The embeddings of a store's images as they are tested, row by row; None if `stop` says to give up.

    Args:
        at_once: images of one modality that are embedded together.
        stop: asked before each of them.
    """
    embeddings = np.empty((len(store), method.dimension), np.float32)
    training = method.training
    method.eval()
    with torch.inference_mode():
        for modality, numbers in _together(store, at_once):
            if stop():
                break
            images = torch.from_numpy(np.stack([store[number] for number in numbers]))
            embeddings[numbers] = method.tested(normalise(images.to(device)), modality).float().cpu().numpy()
    method.train(training)
    return None if stop() else Features.of_images(embeddings, store.records)


def _together(store: ImageStore, at_once: int) -> Iterator[tuple[Modality, list[int]]]:
    """Numbers of images of one modality that are embedded together, and which it is."""
    for modality in Modality:
        numbers = [n for n, record in enumerate(store.records) if (record.modality or Modality.RGB) is modality]
        for start in range(0, len(numbers), at_once):
            yield modality, numbers[start : start + at_once]


class Watchers(NamedTuple):
    """What measures a training on its way.

    Attributes:
        validation: on people who are held back; None if there is none.
        unwatched: why there is none, in words; else empty.
        tested: on the test set, for `select=best_on_test` alone.
    """

    validation: Validation | None
    unwatched: str
    tested: Validation | None

    @property
    def stores(self) -> list[ImageStore]:
        """Their images, for `ImageStore.fill`."""
        return [store for measure in (self.validation, self.tested) if measure for store in measure.stores]


def watchers_of(data: DataSet, recipe: Recipe, trained: Collection[int]) -> Watchers:
    """What measures a training, as its recipe wants it.

    Args:
        data: what it trains on.
        recipe: how it trains.
        trained: the identities that it trains on.

    Raises:
        BadRecipe: weights are selected by a validation, and there is none.
    """
    watched = validation_of(data, recipe, trained)
    if recipe.select == "best_validation" and isinstance(watched, str):
        raise BadRecipe(f"select=best_validation needs a validation, but {watched}; set select=last")
    tested = first_trial_of(data, recipe) if recipe.select == "best_on_test" else None
    return Watchers(None, watched, tested) if isinstance(watched, str) else Watchers(watched, "", tested)


def validation_of(data: DataSet, recipe: Recipe, trained: Collection[int]) -> Validation | str:
    """What a training is watched by: people that its data set holds back. If there is nothing to watch it by, why.

    Args:
        data: what it trains on.
        recipe: how it trains.
        trained: the identities that it trains on.
    """
    if not recipe.validate_every:
        return "validate_every is 0"
    try:
        held_back = data.held_back()
    except BadDataset as error:
        return str(error)
    if held_back is None:
        return f"{data.root.name} ({data.name}) holds nobody back to validate on"
    protocol, task = held_back
    people = {record.identity for record in (*task.queries, *task.gallery)}
    if known := people & set(trained):
        return f"{len(known):,} of the {len(people):,} people that are held back are trained on"
    if recipe.start:
        known_people, run = known_to(Path(recipe.start), data, recipe, people)
        if known_people:
            return (
                f"{len(known_people):,} of the {len(people):,} people that are held back were trained on in {run}, from whose"
                " weights this run starts"
            )
    protocol = replace(protocol, cmc=recipe.cmc)
    return Validation(protocol, task, recipe.height, recipe.width, recipe.resize)


def known_to(start: Path, data: DataSet, recipe: Recipe, people: Collection[int | None]) -> tuple[list[int], Path]:
    """Which of these people the run knows that a training starts from.

    It knows those whom it was trained on, or a run that it started from itself. A person is the same by number within
    data of one name, and elsewhere by the names and sizes of all images. Of weights in a file nobody can tell.

    Args:
        start: the run's folder, or a file of weights.
        data: what is trained on now.
        recipe: how.
        people: about whom it is asked.

    Returns:
        Whom it knows, and the folder of the run that was trained on them.

    Raises:
        BadCheckpoint: a damaged run.
    """
    if isinstance(data, OwnPictures):
        now = {identity: data.sums[identity] for identity in people if identity in data.sums}
    else:
        everybody = data.training(Setting("trainval"))
        now = {who: digest for who, (_, digest) in sums_of(r for r in everybody if r.identity in people).items()}
    seen: set[Path] = set()
    step: Path | None = start
    while step is not None and step.is_dir() and step.resolve() not in seen:
        seen.add(step.resolve())
        run = load_run(step)
        before = (run.trained_on() or {"identities": {}})["identities"]
        same_data, sums = run.training_data == name_of(data, recipe.data), run.knows()
        if known := [who for who, digest in now.items() if (same_data and str(who) in before) or digest in sums]:
            return known, step
        step = Path(run.recipe.start) if run.recipe.start else None
    return [], start


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
