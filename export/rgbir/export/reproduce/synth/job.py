"""One training on synthetic people, from its recipe to its line of evidence."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rgbir.export.reproduce.folder import versions, write
from rgbir.export.reproduce.synth.budget import within
from rgbir.export.reproduce.synth.drawing import Drawing
from rgbir.export.reproduce.synth.evidence import Run
from rgbir.export.reproduce.synth.measure import measured
from rgbir.export.reproduce.synth.rows import SynthRow
from rgbir.export.reproduce.training import Training, trained
from rgbir.index import ImageRecord, SysuMM01
from rgbir.training import load_run
from rgbir.training.data.people import described
from rgbir.training.data.source import Source
from rgbir.training.device import device_named
from rgbir.training.errors import Exploded, NotFinite
from rgbir.training.recipe import AnyRecipe, with_changes

TRAINED = "trained.json"


@dataclass(frozen=True, slots=True)
class Job:
    """A row, from one seed, with everything that decides what comes of it.

    Attributes:
        row: which.
        seed: of the recipe.
        drawing: on whom.
        images: the budget.
        recipe: every setting.
        per_update: images of a batch.
        per_epoch: updates of an epoch.
        people: a sum of the images that are trained on.
    """

    row: SynthRow
    seed: int
    drawing: Drawing
    images: int
    recipe: AnyRecipe
    per_update: int
    per_epoch: int
    people: str

    @property
    def name(self) -> str:
        """Of its folder: another recipe, another drawing or other people are another folder."""
        decides = [self.recipe.model_dump(mode="json"), self.drawing.to_dict(), self.people]
        digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
        return f"{self.row.label}.seed-{self.seed}.{digest[:10]}"

    @property
    def run(self) -> Run:
        """Its line of evidence, as far as it is known before."""
        return {
            "label": self.row.label,
            "method": self.row.method,
            "variant": self.row.variant,
            "row": self.row.row,
            "seed": self.seed,
            "drawing": self.drawing.to_dict(),
            "images": self.images,
            "epoch": {"updates": self.per_epoch, "images_per_update": self.per_update},
            "people": self.people,
            "recipe": self.recipe.model_dump(mode="json"),
        }


def jobs(
    rows: Sequence[SynthRow],
    seeds: int,
    drawing: Drawing,
    images: int,
    records: Sequence[ImageRecord],
) -> list[Job]:
    """Every training, row by row and seed by seed.

    Args:
        rows: from cheap to dear.
        seeds: trainings of each, from 0 on.
        drawing: what the records are of.
        images: shown in each.
        records: those that are trained on.

    Raises:
        BadRecipe: the records don't make a recipe's batches.
    """
    every, people = [], described(records)["sha256"]
    for row in rows:
        recipe = row.recipe
        source = Source(records, recipe)
        per_update, per_epoch = source.images_per_update, source.updates_per_epoch
        recipe = within(recipe, images, per_update, per_epoch)
        every += [
            Job(row, seed, drawing, images, with_changes(recipe, {"seed": seed}), per_update, per_epoch, people)
            for seed in range(seeds)
        ]
    return every


def carried_out(
    job: Job,
    data: SysuMM01,
    records: Sequence[ImageRecord],
    sets: Iterable[SysuMM01],
    place: Path,
    device: str,
    workers: int,
    cache: Path,
    stop: Callable[[], bool],
) -> Run:
    """Trains and measures, or goes on with it.

    Args:
        job: which.
        data: the people.
        records: those that are trained on.
        sets: of people tested.
        place: the folder of this training.
        device, workers, cache: as `trained` takes them.
        stop: asked after each update.

    Returns:
        Its line of evidence. If the loss or the weights became useless, `failed` says so in place of figures.

    Raises:
        Interrupted: `stop` said so; what was done is saved.
        TrainingFailure: something else went wrong.
        CantWrite: the disk is full, or closed to us.
    """
    done = place / TRAINED
    if not done.exists():
        row = job.row
        training = Training(job.name, data, records, row.method, row.variant, row.row, job.recipe)
        try:
            result = trained(training, place / "run", device, workers, cache, stop)
        except (NotFinite, Exploded) as error:
            return {**job.run, "cost": {"device": _name(device)}, "versions": versions(), "failed": str(error)}
        seconds = None if result.pace is None else result.pace * result.updates
        write(done, {"updates": result.updates, "seconds": seconds, "device": _name(device)})
    spent: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
    run = load_run(place / "run")
    where = device_named(device)
    figures = measured(run.load_weights().to(where), job.recipe, data, sets, where, cache, stop)
    cost = {"updates": spent["updates"], "images": spent["updates"] * job.per_update}
    cost |= {"seconds": spent["seconds"], "device": spent["device"]}
    return {**job.run, "cost": cost, "versions": versions(), **figures}


def _name(device: str) -> str:
    """The GPU's name, or how many threads of which processor."""
    if (where := device_named(device)).type == "cuda":
        return torch.cuda.get_device_name(where)
    threads = torch.get_num_threads()
    return f"{platform.machine()}, {threads} {'thread' if threads == 1 else 'threads'}"
