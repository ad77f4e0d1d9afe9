"""`rgbir export handmade`. What needs torch or ONNX is imported when it runs: help needs neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from rgbir.export.errors import ExportFailure
from rgbir.index import DataSet, ImageRecord, OwnPictures, Setting, UsageError, beside, listed, open_data_set
from rgbir.index.cli.measure import Measured, shown
from rgbir.index.cli.options import NetworkOption, PeopleOption, progress, refuse
from rgbir.index.cli.output import Answer, in_groups, note
from rgbir.index.cli.remarks import tell
from rgbir.index.datasets.known import ROOT
from rgbir.index.datasets.protocol import Direction, Mode, Shots
from rgbir.index.evaluation import PROTOCOLS, Protocol, Task
from rgbir.index.evaluation.benchmark import Choice, versions

if TYPE_CHECKING:
    from rgbir.training.handmade.fit import Fitted
    from rgbir.training.handmade.recipe import HandmadeRecipe, System

MEASURED_BY = ("protocol", "mode", "shots", "direction", "report_file")


@dataclass(frozen=True, slots=True)
class HandmadeBundle:
    """A hand-made system that was written as a bundle.

    Attributes:
        bundle: its folder.
        name, dimension, metric, fingerprint: as its card says them.
        people, images: that it was fitted to.
        difference: of its graphs from the system, relative.
    """

    bundle: Path
    name: str
    dimension: int
    metric: str
    fingerprint: str
    people: int
    images: int
    difference: float


@in_groups(
    {
        "The data": ("data", "network", "people"),
        "Measured without --out": MEASURED_BY,
    }
)
def handmade(
    ctx: typer.Context,
    system: Annotated[
        str,
        typer.Argument(
            help="hog or lomo, +, and euclidean, kissme, xqda, lfda, cca, scm, cdfe, gma or craft, such as hog+kissme."
        ),
    ],
    data: Annotated[Path, typer.Option(help=f"{ROOT} Its training images are fitted to.")],
    out: Annotated[
        Path | None, typer.Option(help="The bundle's folder; must not exist. Without it the system is measured.")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="One setting, name=value; may be repeated.")
    ] = None,
    network: NetworkOption = None,
    people: PeopleOption = None,
    protocol: Annotated[
        str | None, typer.Option(help="The data set's own if not given; `rgbir evaluate --help` has all.")
    ] = None,
    mode: Annotated[Mode, typer.Option(help="SYSU-MM01: all or indoor, the gallery's cameras.")] = "all",
    shots: Annotated[
        Shots, typer.Option(help="SYSU-MM01, own pictures: 1 or 10 gallery images of each identity and camera.")
    ] = "single",
    direction: Annotated[
        Direction | None, typer.Option(help="RegDB, LLCM, own pictures: the query's modality, then the gallery's.")
    ] = None,
    report_file: Annotated[
        Path | None, typer.Option("--report", help="Write the report as JSON to this file, as --json prints it.")
    ] = None,
) -> Answer[HandmadeBundle | Measured]:
    """Fit a hand-made descriptor and its metric, and write a bundle of it, or measure it.

    Examples:
        rgbir export handmade lomo+xqda --data SYSU-MM01 --out xqda_lomo.sysu_mm01
        rgbir export handmade hog+xqda --data SYSU-MM01 --set xqda.basis=svd --report svd.json
    """
    from rgbir.training.data.images import name_of
    from rgbir.training.handmade.recipe import system_named
    from rgbir.training.recipe import Data, parse_assignments

    chosen = system_named(system)
    recipe = chosen.resolve(parse_assignments(changes or []))
    if out is not None:
        refuse(ctx, "--out writes a bundle, which `rgbir evaluate` measures", only=MEASURED_BY)
        if out.exists():
            raise ExportFailure(f"{out} exists; remove it, or choose another name")
    data_set = open_data_set(data, network, people)
    name = name_of(data_set, Data(split=recipe.data.split))
    if out is not None:
        return _written(_fitted(chosen, recipe, data_set), data_set, out, name)
    if protocol is not None and protocol not in PROTOCOLS:
        raise UsageError(f"no protocol {protocol!r}; there are {listed(PROTOCOLS)}")
    rules = PROTOCOLS[protocol] if protocol else data_set.protocols[0]
    refuse(ctx, f"{data_set.name} has no such choice", only=sorted({"mode", "shots", "direction"} - data_set.choices))
    setting = Setting(mode=mode, shots=shots, direction=direction)
    task = Choice(rules, setting).task(data_set, recipe.data.split)
    return _measured(_fitted(chosen, recipe, data_set), task, rules, name, report_file)


def _fitted(system: System, recipe: HandmadeRecipe, data_set: DataSet) -> Fitted:
    """Fits to the training images, and says what wasn't read."""
    from rgbir.training.handmade.fit import described_in_all, fit

    records = list(data_set.training(Setting(recipe.data.train_identities, split=recipe.data.split)))
    tell(data_set)
    with progress("describing", described_in_all(records, recipe)) as advance:
        fitted = fit(records, system, recipe, advance)
    values = fitted.on_axes.axes.shape
    note(f"{system.name}: {fitted.people:,} people, {fitted.images:,} images, {values[0]:,} values on {values[1]} axes")
    return fitted


def _sums(data_set: DataSet, records: Sequence[ImageRecord]) -> set[str]:
    """Of the people of own pictures, by which a card knows them; none of other data sets."""
    if not isinstance(data_set, OwnPictures):
        return set()
    return {data_set.sums[record.identity] for record in records if record.identity is not None}


def _written(fitted: Fitted, data_set: DataSet, out: Path, name: str) -> Answer[HandmadeBundle | Measured]:
    from rgbir.export.handmade.writing import sample, write_bundle

    setting = Setting(fitted.recipe.data.train_identities, split=fitted.recipe.data.split)
    records = list(data_set.training(setting))
    card = write_bundle(fitted, out, name, sample(records), sorted(_sums(data_set, records)))
    assert card.parity is not None
    difference = card.parity.largest_relative_difference
    lines = [
        f"{out}: {card.name}, {card.dimension} values, {card.metric}, fingerprint {card.fingerprint}",
        f"its graphs differ from the system by {difference:.2e}, relative, over {card.parity.cases} comparisons",
    ]
    about = (card.name, card.dimension, str(card.metric), card.fingerprint)
    return Answer(HandmadeBundle(out, *about, fitted.people, fitted.images, difference), lines)


def _measured(
    fitted: Fitted, task: Task, rules: Protocol, name: str, report_file: Path | None
) -> Answer[HandmadeBundle | Measured]:
    from rgbir.export.handmade.measuring import measured

    axes = fitted.on_axes.axes.shape[1]
    about = {"model": f"{fitted.system.name}.{name}", "axes": str(axes), "seed": str(fitted.recipe.seed), **versions()}
    if reason := fitted.no_bundle():
        about["no bundle"] = reason
    with progress("describing", len(task.images)) as advance:
        report = measured(fitted, task, rules, about, advance)
    if report_file is not None:
        with beside(report_file) as new:
            new.write_text(report.to_json() + "\n", encoding="utf-8")
    return Answer(cast(Measured, report.to_dict()), shown(report))
