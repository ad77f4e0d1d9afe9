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
from rgbir.index.datasets import open_benchmark, passed_over_words
from rgbir.index.datasets.published import Count, counted


def counts(
    data: Annotated[Path, typer.Argument(help="The root of SYSU-MM01, RegDB, LLCM, Market-1501 or DukeMTMC-reID.")],
    as_json: JsonFlag = False,
) -> None:
    """Count a data set's images and people, beside what was published; reading its lists checks its layout too.

    Files that lie there and aren't read are counted by reason; then the exit code is 3.
    """
    benchmark = open_benchmark(data)
    found, over = counted(benchmark), benchmark.passed_over()
    if as_json:
        print(json.dumps([asdict(count) for count in found], indent=2))
    else:
        _show(found, type(benchmark).__name__)
    if over:
        print(passed_over_words(over), file=sys.stderr)
        raise typer.Exit(SKIPPED_EXIT)


def _show(found: Sequence[Count], kind: str) -> None:
    table = Table("what", "found", "published", "")
    for count in found:
        published = "" if count.published is None else f"{count.published:,}"
        table.add_row(count.what, f"{count.found:,}", published, "differs" if count.differs else "")
    Console().print(table)
    apart = sum(count.differs for count in found)
    print(f"{kind} as published" if not apart else f"{apart} of {len(found)} counts differ from the published {kind}")
