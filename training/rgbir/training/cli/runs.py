"""`rgbir runs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from rgbir.training.runs import Validated


def runs(
    folder: Annotated[Path, typer.Argument(help="Where to look: runs may lie in folders below it.")],
    json_: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """List the runs below a folder: how far they came, what they reached, and which settings differ among them."""
    from rgbir.training.runs import runs_below

    listing = runs_below(folder)
    if json_:
        print(listing.to_json())
        return
    differing = listing.differing
    rows = any(run.row for run in listing.runs)
    table = Table("run", "method", "variant", *(["row"] if rows else []), *differing)
    for heading in ("updates", "state", "last losses", "last rank-1/mAP", "best rank-1/mAP"):
        table.add_column(heading)
    for run in listing.runs:
        table.add_row(
            escape(run.run),
            run.method,
            run.variant,
            *([run.row] if rows else []),
            *(escape(str(run.settings.get(name, ""))) for name in differing),
            f"{run.done:,}/{'?' if run.total is None else f'{run.total:,}'}",
            run.state,
            " ".join(f"{name} {loss:.3f}" for name, loss in run.losses.items()),
            _percent(run.last),
            f"{_percent(run.best)} at {run.best.update:,}" if run.best else "",
        )
    if listing.runs:
        Console(width=None if sys.stdout.isatty() else WHOLE_LINES).print(table)
    else:
        print(f"no runs below {folder}")
    for place, reason in listing.left_out.items():
        print(f"left out: {place}: {reason}", file=sys.stderr)


WHOLE_LINES = 10_000
"""Characters of a line that nobody reads on a terminal: no column is cut."""


def _percent(validated: Validated | None) -> str:
    return f"{100 * validated.rank_1:.2f}/{100 * validated.mean_ap:.2f}" if validated else ""
