"""`rgbir footage …`: from recordings to the people in them, and into a gallery."""

from __future__ import annotations

import typer

from rgbir.footage.cli.add import add
from rgbir.footage.cli.find import find
from rgbir.footage.cli.score import score

footage = typer.Typer(help="Find the people in recordings, and enrol them.", no_args_is_help=True, add_completion=False)
for _command in (find, add, score):
    footage.command()(_command)


@footage.callback()
def group() -> None:
    """Find the people in recordings, and enrol them."""
