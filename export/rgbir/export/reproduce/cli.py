"""`rgbir reproduce`. What needs torch or ONNX is imported by the command: its help needs neither."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypedDict, cast

import typer
from typer.core import TyperGroup

from rgbir.export.reproduce.demonstration.cli import demonstration
from rgbir.export.reproduce.stoppable import stoppable
from rgbir.export.reproduce.synth.cli import synth
from rgbir.index import beside, expect_writable, open_data_set
from rgbir.index.cli.output import Answer, in_groups, remark
from rgbir.index.datasets.known import ROOT


class Reproduced(TypedDict):
    """A table: ours beside the printed numbers, in percent.

    Attributes:
        title: of the table.
        smoke: whether recipes were shrunken; then nothing is a measurement.
        method, variant, table, data: what was reproduced.
        cells: each score of each row and setting, with what is printed and the difference.
        failed: rows that failed, and why.
        left_out: rows that aren't here, and why.
        notes: what can't be compared, in words.
        curves: R1 and mAP of trainings on their way, beside the logs that were released of them, epoch by epoch.
    """

    title: str
    smoke: bool
    method: str
    variant: str
    table: str
    data: str
    cells: list[dict[str, Any]]
    failed: dict[str, str]
    left_out: dict[str, str]
    notes: list[str]
    curves: list[dict[str, Any]]


class _Tables(TyperGroup):
    """`rgbir reproduce METHOD TABLE` is short for `rgbir reproduce table METHOD TABLE`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        return super().resolve_command(ctx, args if args[0] in self.commands else ["table", *args])


reproduce = typer.Typer(
    cls=_Tables,
    no_args_is_help=True,
    add_completion=False,
    help="Train and measure a published table, compare the methods on synthetic people, or make the demonstration's bundle.",
)
reproduce.command("synth")(synth)
reproduce.command("demonstration")(demonstration)


@reproduce.command("table")
@in_groups(
    {
        "What is trained": ("variant", "rows", "seeds", "changes", "smoke"),
        "How it runs": ("device", "workers", "cache"),
        "Files": ("report_file", "markdown"),
    }
)
def table_again(
    method: Annotated[str, typer.Argument(help="A method; `rgbir methods` lists them.")],
    table: Annotated[str, typer.Argument(help="A table: what its rows' names begin with, such as table1.")],
    data: Annotated[Path, typer.Option(help=ROOT)],
    out: Annotated[Path, typer.Option(help="The reproduction's folder; the same command goes on in it.")],
    variant: Annotated[str | None, typer.Option(help="Such as official-code; the method's first if not given.")] = None,
    rows: Annotated[
        list[str] | None, typer.Option(help="Only this row, such as id+at; may be repeated. All if not given.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each row, from as many seeds.", min=1)] = 1,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A setting for every row, name=value, such as imagenet=FILE, or a folder of them; may be repeated.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, …")] = "cpu",
    workers: Annotated[int, typer.Option(help="Processes that prepare batches.", min=0)] = 0,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of decoded images; rgbir/images in the user's cache folder by default.")
    ] = None,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Shrink every recipe, to see in minutes that all stages work.")
    ] = False,
    report_file: Annotated[
        Path | None, typer.Option("--report", help="Write the table as JSON to this file, as --json prints it.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the table as Markdown to this file.")] = None,
) -> Answer[Reproduced]:
    """Train, export and measure every row of a published table, and print ours beside the printed numbers.

    The word table may be left out.

    Examples:
        rgbir reproduce table expat table1 --data SYSU-MM01 --out tables/expat-1 --device cuda --workers 6
        rgbir reproduce table expat table1 --data demo/people --out smoke --rows id+at --smoke
    """
    from rgbir.export.reproduce.cells import lines
    from rgbir.export.reproduce.curve import beside as beside_logs
    from rgbir.export.reproduce.folder import alone, begin
    from rgbir.export.reproduce.plan import planned
    from rgbir.export.reproduce.stages import Means, carried_out, courses, reports
    from rgbir.export.reproduce.table import Table, started_from_nothing
    from rgbir.training.data.cache import default_folder
    from rgbir.training.device import device_named
    from rgbir.training.recipe import parse_assignments

    device_named(device)
    for written in (markdown, report_file):
        if written is not None:
            expect_writable(written)
    settings = parse_assignments(changes or [])
    plan = planned(method, table, open_data_set(data), variant, rows or [], seeds, settings, smoke)
    chosen: dict[str, object] = {"--variant": variant, "--device": device, "--workers": workers, "--cache": cache}
    chosen |= {"--report": report_file, "--markdown": markdown, "--seeds": seeds}
    again = _again(method, table, data, out, chosen, {"--rows": rows or [], "--set": changes or []}, smoke)

    say = remark
    with alone(out):
        changed = begin(out, plan)
        trainings = len(plan.jobs)
        say(f"{method} {table}: {len(plan.rows)} rows, {trainings} trainings in {out}")
        for absent, why in plan.left_out.items():
            say(f"not here: {absent}: {why}")
        for warning in started_from_nothing(plan):
            say(warning)
        for package, (then, now) in changed.items():
            say(f"{out} was begun with {package} {then}, and goes on with {now}")
        with stoppable("ends after this update or stage, and saves it; once more ends it at once", again) as asked:
            failed = carried_out(plan, out, Means(device, workers, cache or default_folder(), asked, say))
        curves = beside_logs(plan, courses(plan, out))
        made = Table(plan, lines(plan, reports(plan, out)), failed, changed, curves)
    if markdown is not None:
        with beside(markdown) as new:
            new.write_text(made.to_markdown(), encoding="utf-8")
    content = made.to_dict()
    if report_file is not None:
        with beside(report_file) as new:
            new.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return Answer(
        cast(Reproduced, content),
        [made.title, made.to_rich(), *made.curves_to_rich(), *made.notes()],
        1 if failed else 0,
    )


def _again(
    method: str,
    table: str,
    data: Path,
    out: Path,
    options: Mapping[str, object],
    lists: Mapping[str, Sequence[str]],
    smoke: bool,
) -> str:
    """The line that goes on."""
    words = ["rgbir", "reproduce", method, table, "--data", str(data), "--out", str(out)]
    words += [word for name, value in options.items() if value is not None for word in (name, str(value))]
    words += [word for name, values in lists.items() for value in values for word in (name, value)]
    return shlex.join([*words, *(["--smoke"] if smoke else [])])
