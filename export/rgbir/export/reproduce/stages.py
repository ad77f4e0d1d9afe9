"""The stages of each training: train, export, measure. Each ends with a file, and isn't done again once that is there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rgbir.export.bundle import export
from rgbir.export.cli import SAMPLES, sample
from rgbir.export.errors import ExportFailure, Interrupted
from rgbir.export.reproduce.curve import Course
from rgbir.export.reproduce.folder import write
from rgbir.export.reproduce.plan import MEASURED, Job, Measurement, Plan
from rgbir.export.reproduce.smoke import some
from rgbir.export.reproduce.training import Training, trained
from rgbir.index import Modality, Setting, UsageError
from rgbir.index.cli.options import progress
from rgbir.index.evaluation.benchmark import Choice, of_bundles
from rgbir.index.evaluation.compare import read_report
from rgbir.training import TrainingFailure, load_run
from rgbir.training.data.images import training_records
from rgbir.training.errors import RunBusy

RUN, BUNDLE = "run", "bundle"
TRAINED, EXPORTED = "trained.json", "exported.json"
Reports = dict[tuple[Path, str], dict[str, Any]]
"""By the training's folder and the setting."""


@dataclass(frozen=True, slots=True)
class Means:
    """What the work is done with; none of it is part of the result.

    Attributes:
        device: that trains.
        workers: processes that prepare batches.
        cache: folder of decoded images.
        stop: asked between stages, and after each update.
        say: called with a line for every stage that begins.
    """

    device: str
    workers: int
    cache: Path
    stop: Callable[[], bool]
    say: Callable[[str], None]


def carried_out(plan: Plan, folder: Path, means: Means) -> dict[str, str]:
    """Does what isn't done yet of every training.

    Returns:
        Rows that failed, and why; the others are finished.

    Raises:
        Interrupted: somebody asked for it.
        RunBusy: another process trains in a run's folder.
        IndexFailure: the data set can't be read, or the disk is full.
    """
    failed: dict[str, str] = {}
    for number, job in enumerate(plan.jobs, start=1):
        if job.row.name in failed:
            continue
        place = folder / job.folder
        try:
            for stage in (_train, _export, _measure):
                if means.stop():
                    raise Interrupted(f"before {job.folder} was done")
                stage(
                    plan, job, place, replace(means, say=_saying(means, f"{job.folder} ({number} of {len(plan.jobs)})"))
                )
        except (Interrupted, RunBusy):
            raise
        except (TrainingFailure, ExportFailure) as error:
            failed[job.row.name] = str(error)
            means.say(f"{job.folder}: failed: {error}")
    return failed


def reports(plan: Plan, folder: Path) -> Reports:
    """The reports that are there, as `rgbir evaluate --report` writes them, by training and setting."""
    return {
        (job.folder, measured.setting): report
        for job in plan.jobs
        for measured in job.row.measurements
        if (report := _kept(_report(folder / job.folder, measured))) is not None
    }


def courses(plan: Plan, folder: Path) -> dict[Path, Course]:
    """What was measured on the test set on the way of each finished training, by its folder."""
    by_folder: dict[Path, Course] = {}
    for job in plan.jobs:
        if (file := folder / job.folder / TRAINED).exists():
            course = json.loads(file.read_text(encoding="utf-8")).get("course", {})
            by_folder[job.folder] = {int(epoch): scores for epoch, scores in course.items()}
    return by_folder


def _kept(file: Path) -> dict[str, Any] | None:
    """The report in that file; None if it isn't there, or isn't one any more, and must be measured again."""
    try:
        return read_report(file)
    except UsageError:
        return None


def _saying(means: Means, what: str) -> Callable[[str], None]:
    return lambda stage: means.say(f"{what}: {stage}")


def _train(plan: Plan, job: Job, place: Path, means: Means) -> None:
    if (place / TRAINED).exists():
        return
    means.say("training")
    records = training_records(plan.data, job.recipe.data)
    training = Training(
        str(job.folder),
        plan.data,
        some(records) if plan.smoke else records,
        plan.method,
        plan.variant,
        job.row.name,
        job.recipe,
    )
    done = trained(training, place / RUN, means.device, means.workers, means.cache, means.stop)
    write(place / TRAINED, {"updates": done.updates, "course": done.course})


def _export(plan: Plan, job: Job, place: Path, means: Means) -> None:
    if (place / EXPORTED).exists():
        return
    means.say("export")
    for left in (place / BUNDLE, *place.glob(".export-*")):  # of a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    run = load_run(place / RUN)
    form = (run.recipe.height, run.recipe.width, run.recipe.resize)
    setting = Setting(split=job.split)
    records = (record for which in Modality for record in plan.data.test(which, setting))
    card = export(run, place / BUNDLE, sample(records, SAMPLES, *form))
    write(place / EXPORTED, {"name": card.name, "fingerprint": card.fingerprint})


def _measure(plan: Plan, job: Job, place: Path, means: Means) -> None:
    for measured in job.row.measurements:
        if _kept(file := _report(place, measured)) is not None:
            continue
        if means.stop():
            raise Interrupted(f"in the measuring of {job.folder}")
        means.say(f"measuring {measured.setting} by {measured.protocol.name}")
        choice = Choice(measured.protocol, MEASURED.get(measured.setting, Setting()))
        report = of_bundles(plan.data, choice, [place / BUNDLE], None, None, None, bar=progress)
        write(file, report.to_dict())


def _report(place: Path, measured: Measurement) -> Path:
    return place / f"report-{measured.setting}.json"
