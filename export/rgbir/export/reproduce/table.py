"""The table of a reproduction: for a terminal, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table as Shown

from rgbir.export.reproduce.cells import Line
from rgbir.export.reproduce.curve import COLUMNS as CURVE
from rgbir.export.reproduce.curve import Beside
from rgbir.export.reproduce.plan import Plan, Row
from rgbir.index import listed, passed_over_words
from rgbir.training.methods.checkpoints import from_nothing
from rgbir.training.methods.published import SCORES, SETTINGS

COLUMNS = ("row", "measured", "", *SCORES)


@dataclass(frozen=True, slots=True)
class Table:
    """Ours beside the printed numbers, and what is to be known of them.

    Attributes:
        plan: what was done.
        lines: row by row, setting by setting.
        failed: rows that failed, and why.
        changed: packages whose versions changed on the way: before and now.
        curves: of rows of which a log was released.
    """

    plan: Plan
    lines: Sequence[Line]
    failed: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    curves: Sequence[Beside] = ()

    @property
    def title(self) -> str:
        plan = self.plan
        what = (
            f"{plan.method} {plan.table}, variant {plan.variant}, on {plan.data.root.resolve().name} ({plan.data_name})"
        )
        if plan.smoke:
            return f"SMOKE of {what}: shrunken recipes, to see that every stage works. No measurement; compare nothing of it"
        return f"{what}: ours beside the printed numbers, in percent"

    def rows(self) -> Iterator[tuple[str, ...]]:
        """The table's lines: what is printed, ours, its spread and the difference; of a smoke what came out alone."""
        for line in self.lines:
            where = (line.row.name, SETTINGS[line.measured.setting])
            shown = tuple(cell.shown for cell in line.cells)
            if self.plan.smoke:
                yield (*where, "smoke, no measurement", *shown)
                continue
            papers = list(line.cells[0].printed)
            for paper in papers:
                by = f"printed ({paper})" if paper else "printed"
                yield (*where, by, *(cell.printed[paper] for cell in line.cells))
                where = ("", "")
            yield (*where, "failed" if line.row.name in self.failed else "ours", *shown)
            if line.over:
                yield (*where, f"spread over {line.over}", *(cell.spread_shown for cell in line.cells))
            for paper in papers:
                by = f"difference ({paper})" if len(papers) > 1 else "difference"
                yield (*where, by, *(cell.difference(paper) for cell in line.cells))

    def notes(self) -> list[str]:
        """What wasn't as published, what can't be compared, and what isn't here."""
        return [*self._of_failures(), *([] if self.plan.smoke else self._of_numbers()), *self._of_absences()]

    def _of_failures(self) -> Iterator[str]:
        for row, why in self.failed.items():
            yield f"{row} failed: {why}"
        if self.changed:
            versions = (f"{name} {before}, now {now}" for name, (before, now) in self.changed.items())
            yield f"versions changed on the way: {listed(versions)}"

    def _of_numbers(self) -> Iterator[str]:
        plan = self.plan
        if differing := [count for count in plan.data.counts() if count.differs]:
            first = (f"{count.what} {count.found:,} where {count.published:,} are published" for count in differing)
            yield f"the data aren't those that were published, so the differences say nothing: {listed(first, most=3)}"
        if over := plan.data.passed_over():
            yield passed_over_words(over)
        yield from started_from_nothing(plan)
        selected = {row.name: row.recipe.select if row.recipe.select != "last" else None for row in plan.rows}
        for words, rows in _grouped(selected).items():
            test = "; they are chosen on the test set, and too good" if words == "best_on_test" else ""
            yield f"{_of(rows, plan.rows)}: measured with the weights of {words}{test}"
        if others := {name: value for name, value in plan.changes.items() if name != "imagenet"}:
            yield f"every row was given {listed(f'{name}={value}' for name, value in others.items())}, which its paper isn't said to have"
        yield from self._of_protocols()
        for row in plan.rows:
            if row.remark:
                yield f"{row.name}: {row.remark}"
        yield from (curve.remark for curve in self.curves if curve.remark)
        yield "spread: standard deviation, n - 1"

    def _of_protocols(self) -> Iterator[str]:
        groups: dict[tuple[str, bool, str], list[str]] = {}
        for line in self.lines:
            how = (line.measured.protocol.name, line.measured.published, line.measured.page)
            if (setting := SETTINGS[line.measured.setting]) not in groups.setdefault(how, []):
                groups[how].append(setting)
        for (protocol, published, page), settings in groups.items():
            by = f"{listed(settings)}: measured by protocol {protocol}"
            where = f" (docs/{page})" if page else ""
            yield (
                f"{by}, as the printed numbers were{where}"
                if published
                else f"{by}, the data set's own; nobody says which the printed numbers were measured by{where}"
            )

    def _of_absences(self) -> Iterator[str]:
        for words, rows in _grouped(self.plan.left_out).items():
            yield f"not here: {listed(rows)}: {words}"

    def to_rich(self) -> Shown:
        """For a terminal."""
        shown = Shown(*COLUMNS)
        for row in self.rows():
            if row[0]:
                shown.add_section()
            shown.add_row(*row)
        return shown

    def curves_to_rich(self) -> Iterator[Shown]:
        """For a terminal, a table for each."""
        for curve in self.curves:
            shown = Shown(*CURVE, title=curve.title)
            for line in curve.lines():
                shown.add_row(*line)
            yield shown

    def to_markdown(self) -> str:
        """The title, the table, the curves and the notes."""
        parts = [f"# {self.title}", "", *_markdown(COLUMNS, self.rows()), ""]
        for curve in self.curves:
            parts += [f"{curve.title}.", "", *_markdown(CURVE, curve.lines()), ""]
        return "\n".join([*parts, *(f"* {note}" for note in self.notes())]) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Percent in full precision; JSON can carry it. A smoke has no printed numbers and no differences."""
        plan = self.plan
        return {
            "title": self.title,
            "smoke": plan.smoke,
            "method": plan.method,
            "variant": plan.variant,
            "table": plan.table,
            "data": plan.data_name,
            "cells": [cell for line in self.lines for cell in self._cells(line)],
            "failed": dict(self.failed),
            "left_out": dict(plan.left_out),
            "notes": self.notes(),
            "curves": [cell for curve in self.curves for cell in curve.cells()],
        }

    def _cells(self, line: Line) -> Iterator[dict[str, Any]]:
        compared = not self.plan.smoke
        for cell in line.cells:
            papers = cell.printed if compared else ()
            yield {
                "row": line.row.name,
                "setting": line.measured.setting,
                "protocol": line.measured.protocol.name,
                "score": cell.score,
                "ours": cell.ours,
                "spread": cell.spread,
                "spread_over": line.over,
                "printed": {paper or self.plan.method: cell.printed[paper] for paper in papers},
                "difference": {paper or self.plan.method: cell.difference(paper) for paper in papers},
            }


def _markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    head, *others = (f"| {' | '.join(row)} |" for row in (columns, *rows))
    return [head, "|" + "---|" * len(columns), *others]


def started_from_nothing(plan: Plan) -> Iterator[str]:
    """What is to be told of rows that begin with random weights; nothing of a smoke, whose networks aren't the papers'."""
    warnings = {} if plan.smoke else {row.name: from_nothing(row.recipe) for row in plan.rows}
    for words, rows in _grouped(warnings).items():
        yield f"{_of(rows, plan.rows)}: {words}"


def _grouped(words: Mapping[str, str | None]) -> dict[str, list[str]]:
    """What is said of several rows alike, once."""
    groups: dict[str, list[str]] = {}
    for row, remark in words.items():
        if remark:
            groups.setdefault(remark, []).append(row)
    return groups


def _of(names: Sequence[str], rows: Sequence[Row]) -> str:
    return "all rows" if len(names) == len(rows) else listed(names)
