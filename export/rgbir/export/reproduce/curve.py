"""A training on its way, beside the log that was released of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import fmean
from typing import Any

from rgbir.export.reproduce.plan import Plan
from rgbir.training import Run
from rgbir.training.data.source import Source
from rgbir.training.folder import LOG
from rgbir.training.methods.curves import MEASURED, Curve, curve_of
from rgbir.training.methods.published import MISSING, SETTINGS

Course = Mapping[int, Mapping[str, float]]
"""By epoch, counted from 0: R1 and mAP of the first trial of the test, in percent."""
IN_LOG = {"R1": "best_on_test_rank_1", "mAP": "best_on_test_mean_ap"}
COLUMNS = ("epoch", *(f"{score} {what}" for score in MEASURED for what in ("released", "ours", "difference")))


def course_of(run: Run, source: Source) -> Course:
    """What the run's log tells of the test set after whole epochs; nothing, unless its weights are chosen by it."""
    course: dict[int, Mapping[str, float]] = {}
    for text in (run.folder / LOG).read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        if IN_LOG["R1"] in line:
            epoch = source.epoch_of(line["update"] - 1)
            if line["update"] == source.before(epoch + 1):
                course[epoch] = {score: 100 * line[name] for score, name in IN_LOG.items()}
    return course


@dataclass(frozen=True, slots=True)
class Beside:
    """A row's released curve and ours.

    Attributes:
        row: of the table.
        released: the log.
        courses: of each of the row's trainings that is finished.
    """

    row: str
    released: Curve
    courses: tuple[Course, ...]

    @property
    def title(self) -> str:
        return (
            f"{self.row} on its way, {SETTINGS[self.released.setting]}, after each epoch (counted from 0): {self.released.of};"
            " and ours on the first trial"
        )

    @property
    def remark(self) -> str:
        """What to do where nothing of ours stands beside it; else nothing."""
        if any(self.courses):
            return ""
        return (
            f"{self.row}: the released log has nothing of ours beside it, as the test set wasn't measured on the way; that is"
            " done with --set select=best_on_test --set tested.first=0 --set tested.every=1"
        )

    def cells(self) -> Iterator[dict[str, Any]]:
        """Of each epoch and score: what the log has, ours as the mean over the row's trainings, and the difference."""
        for place, epoch in enumerate(self.released.epochs):
            for score in MEASURED:
                printed = self.released.scores[score][place]
                there = [course[epoch][score] for course in self.courses if epoch in course]
                ours = fmean(there) if there and len(there) == len(self.courses) else None
                apart = MISSING if ours is None else f"{Decimal(f'{ours:.2f}') - Decimal(printed):+.2f}"
                yield {
                    "row": self.row, "setting": self.released.setting, "epoch": epoch, "score": score,
                    "released": printed, "ours": ours, "difference": apart,
                }  # fmt: skip

    def lines(self) -> Iterator[tuple[str, ...]]:
        """A line for each epoch, under `COLUMNS`."""
        cells = iter(self.cells())
        for epoch in self.released.epochs:
            line = [str(epoch)]
            for cell in (next(cells) for _ in MEASURED):
                ours = MISSING if cell["ours"] is None else f"{cell['ours']:.2f}"
                line += [cell["released"], ours, cell["difference"]]
            yield tuple(line)


def beside(plan: Plan, courses: Mapping[Path, Course]) -> list[Beside]:
    """A curve of each row of which a log was released; none of a smoke. `courses`: by a training's folder."""
    made = []
    for row in plan.rows if not plan.smoke else ():
        if (released := curve_of(plan.method, row.name)) is not None:
            of_row = tuple(courses[job.folder] for job in plan.jobs if job.row is row and job.folder in courses)
            made.append(Beside(row.name, released, of_row))
    return made
