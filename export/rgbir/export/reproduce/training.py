"""One training of a reproduction, as `rgbir train` carries it out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rgbir.export.errors import Interrupted
from rgbir.export.reproduce.curve import Course, course_of
from rgbir.export.reproduce.plan import Job, Plan
from rgbir.export.reproduce.smoke import some
from rgbir.index.cli.options import progress
from rgbir.training import Run, load_run, loop
from rgbir.training.data.check import check_images
from rgbir.training.data.images import name_of, training_records
from rgbir.training.data.source import Source
from rgbir.training.errors import Stopped
from rgbir.training.folder import RECIPE
from rgbir.training.validate import Validation, watchers_of

if TYPE_CHECKING:
    import torch

    from rgbir.index.evaluation import Report
    from rgbir.training.method import Losses, Method
    from rgbir.training.record import Validate


def trained(
    plan: Plan, job: Job, folder: Path, device: str, workers: int, cache: Path, stop: Callable[[], bool]
) -> tuple[int, Course]:
    """Trains in that folder, or goes on where it was stopped, to the end.

    Args:
        plan: of all.
        job: which training.
        folder: of the run.
        device: `cpu`, `cuda`, `cuda:1`, …
        workers: processes that prepare batches.
        cache: folder of decoded images.
        stop: asked after each update.

    Returns:
        Updates of the whole training, and what was measured on the test set on the way.

    Raises:
        Interrupted: `stop` said so; what was done is saved.
        TrainingFailure: the training failed.
        CantWrite: the disk is full, or closed to us.
    """
    resume, recipe = (folder / RECIPE).exists(), job.recipe
    records = training_records(plan.data, recipe.data)
    source = Source(some(records) if plan.smoke else records, recipe)
    if resume:
        run = load_run(folder)
    else:
        name = name_of(plan.data, recipe.data)
        run = Run(folder, plan.method, plan.variant, name, source.identities, recipe, job.row.name)
    watchers = watchers_of(plan.data, recipe, source.classes)
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
    with progress("training", len(source)) as advance:

        def watch(update: int, losses: Losses) -> None:
            nonlocal reached
            advance(update + 1 - reached)
            reached = update + 1

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
                f"in the training of {job.folder} after {ended.done:,} of {ended.total:,} updates, which are saved"
            ) from None
    return len(source), course_of(run, source)
