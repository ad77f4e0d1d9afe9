"""`rgbir import`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from rgbir.index.cli.output import Answer


@dataclass(frozen=True, slots=True)
class Imported:
    """A run that was made of a published checkpoint.

    Attributes:
        run: its folder.
        method, variant, backbone: what it is of.
        identities: how many people it was trained on.
        tensors, unused: how many were taken from the checkpoint, and how many were left out.
        licence: of the weights.
    """

    run: Path
    method: str
    variant: str
    backbone: str
    identities: int
    tensors: int
    unused: int
    licence: str | None


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
) -> Answer[Imported]:
    """Make a run of a checkpoint that a method's authors published; `rgbir export` takes it like any other.

    Examples:
        rgbir import sysu_agw_p4_n8.t --as agw --out runs/agw --trained-on sysu_mm01
        rgbir import lccrf.pth --as lccrf --out runs/lccrf --set height=288 --set width=144
    """
    from rgbir.training.recipe import parse_assignments
    from rgbir.training.released.importing import import_released as run_of

    made = run_of(file, as_, out, trained_on, parse_assignments(changes or []))
    run, recipe = made.run, made.run.recipe
    lines = [
        f"{run.method} {run.variant}: {run.identities} identities, {recipe.backbone} at {recipe.height}x{recipe.width},"
        f" {made.tensors} tensors of {file.name}; {made.unused} more were left out, which its authors' network doesn't read",
        f"licence: {run.licence}. The bundle's card will carry it",
        f"done; make a bundle with: rgbir export {out} --out {run.method}_{recipe.backbone}.{run.training_data}",
    ]
    content = Imported(
        out, run.method, run.variant, recipe.backbone, run.identities, made.tensors, made.unused, run.licence
    )
    return Answer(content, lines)
