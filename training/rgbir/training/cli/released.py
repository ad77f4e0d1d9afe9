"""`rgbir import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    pass


def import_released(
    file: Annotated[Path, typer.Argument(help="A checkpoint as the method's authors published it.")],
    as_: Annotated[str, typer.Option("--as", help="Whose it is: agw, expat or lccrf.")],
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    trained_on: Annotated[
        str, typer.Option(help="The data set it saw, for the bundle's name: sysu_mm01, regdb_split2, …")
    ] = "unknown",
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A setting that weights don't tell, such as height=288.")
    ] = None,
) -> None:
    """Make a run of a checkpoint that a method's authors published; `rgbir export` takes it like any other."""
    from rgbir.training.recipe import parse_assignments
    from rgbir.training.released.importing import import_released as run_of

    made = run_of(file, as_, out, trained_on, parse_assignments(changes or []))
    run, recipe = made.run, made.run.recipe
    print(
        f"{run.method} {run.variant}: {run.identities} identities, {recipe.backbone} at {recipe.height}x{recipe.width},"
        f" {made.tensors} tensors of {file.name}; {made.unused} more were left out, which its authors' network doesn't read"
    )
    print(f"licence: {run.licence}. The bundle's card will carry it")
    print(f"done; make a bundle with: rgbir export {out} --out {run.method}_{recipe.backbone}.{run.training_data}")
