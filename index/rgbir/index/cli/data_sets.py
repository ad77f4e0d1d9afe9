"""`rgbir counts` and `rgbir synthesize`: data sets that are there, and those that are drawn."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from rgbir.index.cli.options import SKIPPED_EXIT, JsonFlag, progress
from rgbir.index.datasets.dataset import Count
from rgbir.index.datasets.known import ROOT, open_data_set
from rgbir.index.datasets.passed import passed_over_words
from rgbir.index.synthetic import Split
from rgbir.index.synthetic import synthesize as draw_people
from rgbir.index.synthetic.regdb import synthesize_regdb


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


def synthesize(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    identities: Annotated[
        int, typer.Option(help="People; three fifths train, a fifth val, a fifth test (sysu).", min=1, max=9999)
    ] = 200,
    images: Annotated[
        int, typer.Option(help="Pictures of each by each camera: six, or RegDB's two.", min=1, max=99)
    ] = 10,
    seed: Annotated[int, typer.Option(help="Another seed, other people.", min=0)] = 0,
    only_test: Annotated[bool, typer.Option("--only-test", help="Put all people in the test list.")] = False,
    layout: Annotated[Literal["sysu", "regdb"], typer.Option(help="Whose folders to imitate.")] = "sysu",
    workers: Annotated[int | None, typer.Option(help="Processes; one a core by default.", min=1)] = None,
) -> None:
    """Draw synthetic people in a real data set's layout: a test bed and a demonstration, never a result on real data."""
    if layout == "regdb":
        with progress("drawing", identities * 2 * images) as advance:
            count = synthesize_regdb(folder, identities, images, seed, workers, advance)
        print(f"{count:,} images of {identities} synthetic people in {folder}, ten splits into halves")
        return
    split = Split(0, 0, identities) if only_test else Split.of(identities)
    with progress("drawing", split.identities * 6 * images) as advance:
        count = draw_people(folder, split, images, seed, workers, advance)
    print(
        f"{count:,} images of {split.identities} synthetic people in {folder} (train {split.train}, val {split.val}, test {split.test})"
    )
