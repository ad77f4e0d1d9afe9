"""`rgbir runs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from rgbir.index.cli.output import Answer, remark
from rgbir.training.runs import Runs, Validated, runs_below


def runs(
    folder: Annotated[Path, typer.Argument(help="Where to look: runs may lie in folders below it.")],
) -> Answer[Runs]:
    """List the runs below a folder: how far they came, what they reached, and which settings differ among them.

    Examples:
        rgbir runs runs
        rgbir runs /srv/trainings --json
    """
    listing = runs_below(folder)
    differing = listing.differing
    rows = any(run.row for run in listing.runs)
    table = Table("run", "method", "variant", *(["row"] if rows else []), *differing)
    for heading in ("updates", "state", "last losses", "last rank-1/mAP", "best rank-1/mAP"):
        table.add_column(heading)
    for run in listing.runs:
        table.add_row(
            run.run,
            run.method,
            run.variant,
            *([run.row] if rows else []),
            *(str(run.settings.get(name, "")) for name in differing),
            f"{run.done:,}/{'?' if run.total is None else f'{run.total:,}'}",
            run.state,
            " ".join(f"{name} {loss:.3f}" for name, loss in run.losses.items()),
            _percent(run.last),
            f"{_percent(run.best)} at {run.best.update:,}" if run.best else "",
        )
    for place, reason in listing.left_out.items():
        remark(f"left out: {place}: {reason}")
    return Answer(listing, [table if listing.runs else f"no runs below {folder}"])


def _percent(validated: Validated | None) -> str:
    return f"{100 * validated.rank_1:.2f}/{100 * validated.mean_ap:.2f}" if validated else ""
