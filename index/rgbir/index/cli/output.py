"""What a command returns and says. The root of the command line prints it: see `rgbir.client.output`, which no part imports."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

import typer
from rich.table import Table

from rgbir.index.errors import UsageError

S = TypeVar("S")
F = TypeVar("F", bound=Callable[..., Any])
_NOTES, _REMARKS = logging.getLogger("rgbir.notes"), logging.getLogger("rgbir.remarks")


@dataclass(frozen=True, slots=True)
class Answer(Generic[S]):
    """What a command found or did.

    Attributes:
        content: of its documented shape; what `--json` prints.
        lines: for people: texts and tables.
        exit_code: 0, or 3 where something was passed over, or 1 where the answer is no.
    """

    content: S
    lines: Iterable[str | Table] = field(default_factory=list)
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Skip:
    """What was left out.

    Attributes:
        source: the file, as it was given.
        reason: why, in words.
    """

    source: str
    reason: str


def note(text: str) -> None:
    """Says what happens: on standard output, or on standard error with --json; nothing with --quiet."""
    _NOTES.info("%s", text)


def remark(text: str) -> None:
    """Says what is worth knowing, on standard error; nothing with --quiet."""
    _REMARKS.info("%s", text)


def speaks() -> bool:
    """Whether remarks and progress are wanted."""
    return _REMARKS.isEnabledFor(logging.INFO)


def wants_json(ctx: typer.Context) -> bool:
    """For a command that has to answer before it ends."""
    return bool(getattr(ctx.meta.get("rgbir.manner"), "json", False))


def in_groups(panels: Mapping[str, Sequence[str]]) -> Callable[[F], F]:
    """Shows a command's options in groups, by their parameters' names; those that none names come first."""

    def grouped(command: F) -> F:
        cast(Any, command).panels = panels
        return command

    return grouped


def confirm(question: str, yes: bool) -> None:
    """Asks on a terminal, and goes on after a typed yes.

    Raises:
        UsageError: nobody said yes, or nobody is there to ask.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nothing was changed; say it again with --yes if that is meant")
    print(f"{question} Type yes to go on: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() != "yes":
        raise UsageError("nothing was changed")
