"""What every command has beside its own: `--json`, `--quiet` and `-v`, options in groups, and examples at the end of its help."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from functools import cache
from typing import Annotated, Any, TypeVar, cast

import typer
from typer.main import get_command

from rgbir.client.config import subcommands, variable
from rgbir.client.output import Manner

F = TypeVar("F", bound=Callable[..., Any])
OUTPUT = "Output"
EXAMPLES = re.compile(r"\n\s*Examples:\n(?P<lines>(?:\s+rgbir .*(?:\n|$))+)")
_END = "\n\nIn the environment an option is {form}, in rgbir.toml a key under {table}; see rgbir config {words}"


def _asked(ctx: typer.Context, name: str, value: Any) -> Any:
    if not ctx.resilient_parsing:
        manner = Manner.of(ctx)
        setattr(manner, name, max(value, getattr(manner, name)))
        manner.take_effect()
    return value


def _json(ctx: typer.Context, value: bool) -> Any:
    return _asked(ctx, "json", value)


def _quiet(ctx: typer.Context, value: bool) -> Any:
    return _asked(ctx, "quiet", value)


def _verbose(ctx: typer.Context, value: int) -> Any:
    return _asked(ctx, "verbose", value)


JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one document of JSON.", callback=_json, rich_help_panel=OUTPUT)
]
QuietOption = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Nothing but the answer and errors.", callback=_quiet, rich_help_panel=OUTPUT),
]
VerboseOption = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        help="Say what is used; -vv: all of it.",
        callback=_verbose,
        rich_help_panel=OUTPUT,
    ),
]


def in_groups(panels: Mapping[str, Sequence[str]]) -> Callable[[F], F]:
    """Shows a command's options in groups, by their parameters' names; those that none names come first."""

    def grouped(command: F) -> F:
        cast(Any, command).panels = panels
        return command

    return grouped


def leaves(command: Any, path: tuple[str, ...]) -> None:
    """Dresses a command, or all commands of a group."""
    inner = subcommands(command)
    for name, child in inner.items():
        leaves(child, (*path, name))
    if inner:
        return
    command.params += _output_options()
    for panel, names in getattr(command.callback, "panels", {}).items():
        for param in command.params:
            if param.name in names:
                param.rich_help_panel = panel
    examples = list(examples_of(command))
    if examples:
        command.help = EXAMPLES.sub("", command.help).strip()
    command.epilog = "\n\n".join([*(["Examples:"] if examples else []), *examples]) + _END.format(
        form=form_of(path), table=rf"\[{'.'.join(path)}]", words=" ".join(path)
    )
    command.examples = examples


def examples_of(command: Any) -> Iterator[str]:
    """The lines under `Examples:` in its docstring, each as it is typed."""
    if hasattr(command, "examples"):
        yield from command.examples
    elif match := EXAMPLES.search(command.help or ""):
        yield from (line.strip() for line in match["lines"].strip().splitlines())


def form_of(path: Sequence[str]) -> str:
    """How the variables of a command are named."""
    return variable(tuple(path), "NAME")


def _output_options() -> list[Any]:
    """New ones, since a command writes its variables into them."""
    return [copy(option) for option in _prototypes()]


@cache
def _prototypes() -> list[Any]:
    alone = typer.Typer(add_completion=False)

    def nothing(as_json: JsonOption = False, quiet: QuietOption = False, verbose: VerboseOption = 0) -> None:
        pass

    alone.command()(nothing)
    options = [param for param in get_command(alone).params if param.name != "help"]
    for option in options:
        option.expose_value = False
    return options
