"""One training of a reproduction, as `rgbir train` carries it out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rgbir.export.errors import Interrupted
from rgbir.export.reproduce.curve import Course, course_of
from rgbir.index import DataSet, ImageRecord
from rgbir.index.cli.options import progress
from rgbir.training import Run, load_run, loop
from rgbir.training.data.check import check_images
from rgbir.training.data.images import name_of
from rgbir.training.data.source import Source
from rgbir.training.errors import Stopped
from rgbir.training.folder import RECIPE
from rgbir.training.recipe import AnyRecipe
from rgbir.training.validate import Validation, watchers_of

if TYPE_CHECKING:
    import torch

    from rgbir.index.evaluation import Report
    from rgbir.training.method import Losses, Method
    from rgbir.training.record import Validate


@dataclass(frozen=True, slots=True)
class Training:
    """What is trained.

    Attributes:
        name: what messages call it.
        data: the data set.
        records: its images to train on.
        method, variant, row: which recipe it is.
        recipe: every setting.
    """

    name: str
    data: DataSet
    records: Sequence[ImageRecord]
    method: str
    variant: str
    row: str | None
    recipe: AnyRecipe


class Trained(NamedTuple):
    """What came of a training.

    Attributes:
        updates: of all of it.
        course: what was measured on the test set on the way.
        pace: seconds an update of this process took; None if it had fewer than two to do.
    """

    updates: int
    course: Course
    pace: float | None


def trained(
    training: Training, folder: Path, device: str, workers: int, cache: Path, stop: Callable[[], bool]
) -> Trained:
    """Trains in that folder, or goes on where it was stopped, to the end.

    Args:
        training: which.
        folder: of the run.
        device: `cpu`, `cuda`, `cuda:1`, …
        workers: processes that prepare batches.
        cache: folder of decoded images.
        stop: asked after each update.

    Raises:
        Interrupted: `stop` said so; what was done is saved.
        TrainingFailure: the training failed.
        CantWrite: the disk is full, or closed to us.
    """
    resume, recipe, data = (folder / RECIPE).exists(), training.recipe, training.data
    source = Source(training.records, recipe)
    if resume:
        run = load_run(folder)
    else:
        name = name_of(data, recipe.data)
        run = Run(folder, training.method, training.variant, name, source.identities, recipe, training.row)
    watchers = watchers_of(data, recipe, source.classes)
    stores = [*source.stores, *watchers.stores]
    check_images([record for store in stores for record in store.records], "headers")
    with progress("decoding images", sum(map(len, stores))) as advance:
        for store in stores:
            store.fill(cache, advance)

    def measured(measure: Validation | None) -> Validate | None:
        def validate(method: Method, where: torch.device) -> Report | None:
            assert measure is not None
            return measure(method, where, stop)

        return None if measure is None else validate

    reached = 0
    times: list[tuple[int, float]] = []
    with progress("training", len(source)) as advance:

        def watch(update: int, losses: Losses) -> None:
            nonlocal reached
            advance(update + 1 - reached)
            reached = update + 1
            times[1:] = [(update, time.monotonic())]

        try:
            loop.train(
                run,
                source,
                device=device,
                resume=resume,
                workers=workers,
                validate=measured(watchers.validation),
                test=measured(watchers.tested),
                watch=watch,
                stop=stop,
            )
        except Stopped as ended:
            raise Interrupted(
                f"in the training of {training.name} after {ended.done:,} of {ended.total:,} updates, which are saved"
            ) from None
    return Trained(len(source), course_of(run, source), _pace(times))


def _pace(times: Sequence[tuple[int, float]]) -> float | None:
    """Seconds from one update to the next, of the first and the last that were watched."""
    if len(times) < 2:
        return None
    (first, began), (last, ended) = times
    return (ended - began) / (last - first)
