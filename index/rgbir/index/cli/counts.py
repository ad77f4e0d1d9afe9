"""`rgbir counts`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rgbir.index.cli.options import SKIPPED_EXIT, JsonFlag
from rgbir.index.datasets import Count, open_data_set, passed_over_words
from rgbir.index.datasets.known import ROOT


def counts(
    data: Annotated[Path, typer.Argument(help=ROOT)],
    as_json: JsonFlag = False,
) -> None:
    """Count a data set's images and people, beside what was published; reading its lists checks its layout too.

    Files that lie there and aren't read are counted by reason; then the exit code is 3.
    """
    data_set = open_data_set(data)
    counted, over = data_set.counts(), data_set.passed_over()
    if as_json:
        print(json.dumps([asdict(count) for count in counted], indent=2))
    else:
        _show(counted, data_set.name)
    if over:
        print(passed_over_words(over), file=sys.stderr)
        raise typer.Exit(SKIPPED_EXIT)


def _show(counted: Sequence[Count], name: str) -> None:
    table = Table("what", "found", "published", "")
    for count in counted:
        published = "" if count.published is None else f"{count.published:,}"
        table.add_row(count.what, f"{count.found:,}", published, "differs" if count.differs else "")
    Console().print(table)
    apart = sum(count.differs for count in counted)
    print(f"{name} as published" if not apart else f"{apart} of {len(counted)} counts differ from the published {name}")
