"""`rgbir evaluate --report robustness`: how often a model errs, and on what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from rgbir.index import robustness_page
from rgbir.index.cli.options import SKIPPED_EXIT, progress
from rgbir.index.cli.output import Answer
from rgbir.index.cli.remarks import tell
from rgbir.index.datasets.cross import CROSS
from rgbir.index.datasets.dataset import DataSet
from rgbir.index.datasets.protocol import Protocol
from rgbir.index.datasets.task import Task
from rgbir.index.errors import UsageError
from rgbir.index.evaluation import Features, Report
from rgbir.index.evaluation import benchmark as measuring
from rgbir.index.evaluation.benchmark import Choice
from rgbir.index.evaluation.robustness.alike import drawn, written
from rgbir.index.evaluation.robustness.measuring import robustness
from rgbir.index.evaluation.robustness.part import Part
from rgbir.index.files import write_beside
from rgbir.index.metric import Metric
from rgbir.index.robustness import Robustness
from rgbir.index.words import did_you_mean, listed

ROBUSTNESS = "robustness"


class Model(NamedTuple):
    """What is measured.

    Attributes:
        bundles, features: one of either.
        metric: its card's if not given.
        threads, runner: as an encoder takes them.
    """

    bundles: Sequence[Path]
    features: Sequence[Path]
    metric: Metric | None
    threads: int | None
    runner: str


def reports_of(asked: Sequence[str]) -> tuple[bool, Path | None]:
    """Whether `robustness` is asked for, and the file for JSON. A name without a dot and without a folder is no file's.

    Raises:
        UsageError: no report of that name, or two files.
    """
    files = [Path(text) for text in asked if "." in text or "/" in text or "\\" in text]
    names = [text for text in asked if Path(text) not in files]
    if unknown := [name for name in names if name != ROBUSTNESS]:
        raise UsageError(
            f"--report takes {ROBUSTNESS}, or a file such as report.json, not {unknown[0]!r}{did_you_mean(unknown[0], [ROBUSTNESS])}"
        )
    if len(files) > 1:
        raise UsageError(f"--report writes one file, and {listed(files)} came")
    return bool(names), next(iter(files), None)


def divided(
    sets: Sequence[DataSet], choice: Choice, model: Model, alike: Path | None, page: Path | None, file: Path | None
) -> Answer[Robustness]:
    """Measures as usual, and divides what was measured.

    Args:
        sets: of one kind, one or more.
        alike: the table of who is dressed alike, where a drawing doesn't say it.
        page, file: for Markdown, and for JSON.

    Raises:
        UsageError: several models, nothing to measure, or sets of several kinds.
    """
    if len(model.bundles) > 1 or not (model.bundles or model.features):
        raise UsageError(f"--report {ROBUSTNESS} is of one model: give one --bundle, or --features")
    for number, other in enumerate(sets):
        if other.name != sets[0].name:
            raise UsageError(f"--also {other.root} is {other.name}, and --data {sets[0].name}; give sets of one kind")
        if other.root.resolve() in [before.root.resolve() for before in sets[:number]]:
            raise UsageError(f"{other.root} came twice; --also brings other people")
    parts, rules, metrics = zip(*(_measured(data, choice, model, alike) for data in sets), strict=True)
    pictures = sum(len(part.task.queries) + len(part.task.gallery) for part in parts)
    with progress("looking at pictures", pictures) as advance:
        report = robustness(parts, rules[0], metrics[0], _about(parts), advance)
    if page is not None:
        write_beside(page, robustness_page.markdown(report))
    if file is not None:
        write_beside(file, report.model_dump_json(indent=1) + "\n")
    setting = choice.setting if choice.protocol.hiding == CROSS.hiding else None
    over = [tell(data, setting) for data in sets]
    return Answer(report, shown_blocks(report), SKIPPED_EXIT if any(over) else 0)


def _measured(data: DataSet, choice: Choice, model: Model, alike: Path | None) -> tuple[Part, Protocol, Metric]:
    """The evaluation of one data set, with the rules and the distance that it was measured by."""
    clothes = written(alike) if alike is not None else drawn(data.root)
    made: list[tuple[Part, Protocol, Metric]] = []

    def keep(task: Task, queries: Features, gallery: Features, rules: Protocol, by: Metric, report: Report) -> None:
        made.append((Part(task, queries, gallery, report, clothes), rules, by))

    keeping = replace(choice, pictures=keep)
    if model.features:
        measuring.of_features(data, keeping, model.features, model.metric)
    else:
        measuring.of_bundles(
            data, keeping, model.bundles, None, model.metric, model.threads, bar=progress, runner=model.runner
        )
    (only,) = made
    return only


def _about(parts: Sequence[Part]) -> dict[str, str]:
    """What the parts' reports say of themselves; where they differ, all of it."""
    abouts = [part.report.about for part in parts]
    merged = {key: ", ".join(dict.fromkeys(about.get(key, "") for about in abouts)) for key in abouts[0]}
    return merged if len(parts) == 1 else {**merged, "data sets": str(len(parts))}


def shown_blocks(report: Robustness) -> list[str | Table]:
    """The report's page for a terminal."""
    lines: list[str | Table] = []
    for block in robustness_page.blocks(report):
        lines += ["", block.title, *block.texts]
        if block.rows:
            table = Table(*block.rows[0])
            for row in block.rows[1:]:
                table.add_row(*row)
            lines.append(table)
    return lines[1:]
