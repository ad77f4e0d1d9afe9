"""`rgbir synthesize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from rgbir.index.cli.options import progress
from rgbir.index.synthetic import Split
from rgbir.index.synthetic import synthesize as draw_people
from rgbir.index.synthetic.regdb import synthesize_regdb


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
