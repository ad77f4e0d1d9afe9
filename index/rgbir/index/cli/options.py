"""What several commands share: options, and the progress bar."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast, get_args, get_type_hints

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from rgbir.index.cameras import CameraNetwork
from rgbir.index.cli.output import speaks
from rgbir.index.errors import UsageError
from rgbir.index.runner import RUNNER_HELP
from rgbir.index.words import listed

F = TypeVar("F", bound=Callable[..., Any])

GalleryOption = Annotated[
    str,
    typer.Option("--gallery", help="The gallery: its folder, or milvus://HOST:PORT/NAME."),
]
FolderOption = Annotated[Path, typer.Option("--gallery", help="The gallery's folder.")]
BundleOption = Annotated[Path, typer.Option("--bundle", help="The model bundle's folder.")]
NetworkOption = Annotated[
    str | None,
    typer.Option(
        "--network",
        help=f"Own pictures: their cameras and places: {listed(['a TOML file', *CameraNetwork.built_in()], 'or')}.",
    ),
]
PeopleOption = Annotated[
    Path | None,
    typer.Option(
        "--people",
        help="Own pictures: who is trained on and who is tested: a run's folder, or a file of `rgbir split`.",
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(help="Threads of the model; all of this process's cores by default.", min=1),
]
RunnerOption = Annotated[str, typer.Option("--runner", help=RUNNER_HELP)]

SKIPPED_EXIT = 3
"""When something that was given was passed over."""


def given(ctx: typer.Context, name: str) -> bool:
    """Whether that option was given on the command line or by its own variable.

    A file of options, and a variable that commands share, such as RGBIR_KEY, may hold what other calls need.
    """
    source = ctx.get_parameter_source(name)
    if source is None or source.name not in ("COMMANDLINE", "ENVIRONMENT"):
        return False
    param = next(param for param in ctx.command.params if param.name == name)
    shared = isinstance(param.envvar, list) and param.envvar[0] not in os.environ
    return source.name == "COMMANDLINE" or not shared


def refuse(ctx: typer.Context, why: str, only: Sequence[str] | None = None, but: Sequence[str] = ()) -> None:
    """Options that have no effect here aren't taken in silence.

    Args:
        only: the names to look at; all but `but` if None.

    Raises:
        UsageError: one of them was given.
    """
    shown = {param.name: param.opts[-1] for param in ctx.command.params if param.name}
    names = [name for name in (shown if only is None else only) if name not in but and given(ctx, name)]
    if names:
        raise UsageError(
            f"{why}: {listed(shown[name] for name in names)} {'has' if len(names) == 1 else 'have'} no effect; leave {'it' if len(names) == 1 else 'them'} out"
        )


def of_fields(form: type) -> Callable[[F], F]:
    """Gives a command an option for each field of a dataclass in place of its `**options`, with the words of its `Option`."""
    hints = {name: get_args(hint) for name, hint in get_type_hints(form, include_extras=True).items()}

    def decorate(command: F) -> F:
        parameters = []
        for field in fields(form):
            kind, option = hints[field.name]
            words = f"{option.description[0].upper()}{option.description[1:]}."
            annotation: Any = Annotated[kind, typer.Option(help=words, min=option.least, max=option.most)]
            parameters.append(
                Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=annotation)
            )
        cast(Any, command).__signature__ = signature(command, eval_str=True).replace(parameters=parameters)
        return command

    return decorate


@contextmanager
def progress(label: str, total: int) -> Iterator[Any]:
    """A bar with rate and time left on a terminal; nothing elsewhere, nor with --quiet. Yields `advance(done)`."""
    console = Console(stderr=True)
    columns = (
        TextColumn(label),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not (console.is_terminal and speaks()), transient=True) as bar:
        task = bar.add_task(label, total=total, rate="")

        def advance(done: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, advance=done, rate=f"{speed:.1f}/s" if speed else "")

        yield advance
