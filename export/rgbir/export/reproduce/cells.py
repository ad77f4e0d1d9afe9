"""Ours beside the printed numbers: a cell for every row, setting and score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import fmean, stdev

from rgbir.export.reproduce.plan import Measurement, Plan, Row
from rgbir.export.reproduce.stages import Reports
from rgbir.training.methods.published import MISSING, SCORES


@dataclass(frozen=True, slots=True)
class Cell:
    """A number of ours and those that are printed for it, in percent.

    Attributes:
        score: one of R1, R10, R20 and mAP.
        printed: by paper, digit by digit; where it is the row's own paper, by an empty name.
        ours: the mean over seeds of the mean over trials; None of a row that failed.
        spread: standard deviation, n - 1, over what `Line.over` says; None of a single value.
    """

    score: str
    printed: Mapping[str, str]
    ours: float | None
    spread: float | None

    @property
    def shown(self) -> str:
        """Ours with two decimals."""
        return MISSING if self.ours is None else f"{self.ours:.2f}"

    @property
    def spread_shown(self) -> str:
        return MISSING if self.spread is None else f"{self.spread:.2f}"

    def difference(self, paper: str) -> str:
        """Of ours as it is shown from what that paper prints; `-` where either is missing."""
        printed = self.printed.get(paper, MISSING)
        if self.ours is None or printed == MISSING:
            return MISSING
        return f"{Decimal(self.shown) - Decimal(printed):+.2f}"


@dataclass(frozen=True, slots=True)
class Line:
    """A row in a setting.

    Attributes:
        row: of the table.
        measured: how.
        cells: a cell for each of R1, R10, R20 and mAP.
        over: what the spread is over, in words; empty of a single value.
    """

    row: Row
    measured: Measurement
    cells: tuple[Cell, ...]
    over: str


def lines(plan: Plan, reports: Reports) -> list[Line]:
    """Row by row, setting by setting; a row that lacks a report has no numbers of ours."""
    return [_line(plan, row, measured, reports) for row in plan.rows for measured in row.measurements]


def _line(plan: Plan, row: Row, measured: Measurement, reports: Reports) -> Line:
    jobs = [job for job in plan.jobs if job.row is row]
    there = all((job.folder, measured.setting) in reports for job in jobs)
    cells, over = [], ""
    for position, score in enumerate(SCORES):
        printed = {printing.papers: printing.scores[position] for printing in measured.printed}
        by_seed: dict[int, list[float]] = {}
        for job in jobs if there else ():
            values = list(_of_trials(reports[job.folder, measured.setting], score))
            by_seed.setdefault(job.seed, []).extend(values)
        ours, spread, over = _mean_and_spread(by_seed, len(plan.splits))
        cells.append(Cell(score, printed, ours, spread))
    return Line(row, measured, tuple(cells), over)


def _of_trials(report: Mapping[str, object], score: str) -> Iterator[float]:
    """A score of each trial, in percent."""
    trials = report["trials"]
    assert isinstance(trials, list)
    for trial in trials:
        yield 100 * (trial["mAP"] if score == "mAP" else trial["cmc"][score.removeprefix("R")])


def _mean_and_spread(by_seed: Mapping[int, list[float]], splits: int) -> tuple[float | None, float | None, str]:
    """Over seeds if there are several, or else over the trials of the only one, which are splits where there are such."""
    if not by_seed:
        return None, None, ""
    if len(by_seed) > 1:
        values, over = [fmean(of_seed) for of_seed in by_seed.values()], "seeds"
    else:
        (values,), over = by_seed.values(), "splits" if splits > 1 else "trials"
    if len(values) == 1:
        return values[0], None, ""
    return fmean(values), stdev(values), f"{len(values)} {over}"
