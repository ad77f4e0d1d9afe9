"""The root of the command line. Each part brings its commands through the entry points `rgbir.commands`, loaded when used."""

from __future__ import annotations

import json
import os
import platform
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import typer.completion
from rich.console import Console
from typer.core import TyperGroup
from typer.main import get_command

from rgbir.client import config, dress
from rgbir.client.exits import FAILED, UNUSABLE, explained
from rgbir.client.output import Manner, as_document, printable, show
from rgbir.client.words import did_you_mean

SHELLS: Any = typer.completion
COMPLETE = "_RGBIR_COMPLETE"
"""Set by a shell that asks what may follow."""
BROKEN_PIPE = 141
"""A reader went away, as `head` does: 128 and the signal's number."""

EXTRAS = {
    "rgbir.client.evidence": "evidence",
    "rgbir.index": "index",
    "rgbir.training": "training",
    "rgbir.export.fit": "fit",
    "rgbir.export": "export",
    "rgbir.footage": "footage",
    "rgbir.server": "server",
}
"""What brings a part's packages, or a room's that needs fewer."""


SUMMARIES = {
    "attend": "Draw where a trained network looks.",
    "audit": "Check, read and replay a server's audit log.",
    "bench": "What this machine does, against the bare libraries in the same run.",
    "cameras": "Which cameras a gallery has, and where they are and were.",
    "cases": "List, check, copy and bring back a server's cases.",
    "config": "What the options are, and where each comes from.",
    "counts": "Count a data set's images and people, beside what was published.",
    "demo": "The whole way without downloads: synthetic people, a gallery of them, a benchmark, a server with a page.",
    "embed": "Embed images and write a features file.",
    "enrol": "Enrol images on a server.",
    "evaluate": "Measure a model by a benchmark's protocol.",
    "evidence": "Get a case as evidence, and verify what somebody else got.",
    "export": "Write a bundle that serves without torch.",
    "fit": "Fit a bundle to a site's labelled people, without a GPU.",
    "footage": "Find the people in recordings, and enrol them.",
    "import": "Make a run of a checkpoint that a method's authors published.",
    "index": "Make, fill, check and empty a gallery.",
    "keys": "Make, list, rotate and revoke a server's keys.",
    "methods": "The methods, their variants and switches, the tables' rows, and published numbers.",
    "model": "Change a running server's model.",
    "ready": "Whether a server is there and can search.",
    "reproduce": "Train and measure a published table, compare the methods on synthetic people, or make the demonstration's bundle.",
    "runs": "List trainings: how far they came, and what they reached.",
    "search": "Search a gallery for the person on one or more images.",
    "serve": "Answer searches over HTTP, with a page to try them.",
    "split": "Draw who of your own pictures is trained on and who is tested.",
    "synthesize": "Draw synthetic people in a real data set's layout, or in footage.",
    "train": "Train a method.",
    "watch": "Enrol who passes, for as long as it runs.",
}


class LazyGroup(TyperGroup):
    """Lists all commands from their entry points, and imports the one that is used."""

    listing = False
    words: Sequence[str] = ()

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        self.words = args[1:]
        if not ctx.resilient_parsing and args[0] not in _points() and (hint := did_you_mean(args[0], _points())):
            ctx.fail(f"No such command {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command, and prints its answer.

        Raises:
            ExtraMissing: it imports its packages only now, and one isn't installed.
            Exit: its answer says that something was passed over, or no.
        """
        try:
            answer = super().invoke(ctx)
            if answer is not None:
                self._print(ctx, answer)
            sys.stdout.flush()
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] == "rgbir":
                raise
            name, point = ctx.invoked_subcommand, _points()[ctx.invoked_subcommand]
            if self.words and (inner := _points(name).get(self.words[0])):
                name, point = f"{name} {self.words[0]}", inner
            raise ExtraMissing(_needed(name, point, error)) from error
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(BROKEN_PIPE) from None
        except Exception:
            if Manner.of(ctx).verbose > 1:
                traceback.print_exc()
            raise
        if answer is not None and answer.exit_code:
            raise typer.Exit(answer.exit_code)

    def _print(self, ctx: Any, answer: Any) -> None:
        if Manner.of(ctx).json:
            print(as_document(answer.content))
        else:
            show(answer.lines)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.listing = True  # a list of commands needs a line of each, not its packages
        try:
            super().format_help(ctx, formatter)
        finally:
            self.listing = False

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        self.listing = True
        try:
            return super().shell_complete(ctx, incomplete)
        finally:
            self.listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(_points())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        point = _points().get(cmd_name)
        if point is None:
            return None
        if self.listing:
            return _stub(cmd_name)
        try:
            command: Any = get_command(_app_of(point))
        except ImportError as error:
            return _absent(cmd_name, point, error)
        command.name = cmd_name
        for name, inner in _points(cmd_name).items():
            command.add_command(_inner(cmd_name, name, inner), name)
        dress.leaves(command, (cmd_name,))
        file, content = config.read(ctx.params.get("config"))
        defaults = config.configured(command, cmd_name, file, content, _points(), self.words)
        ctx.default_map = {**(ctx.default_map or {}), cmd_name: defaults}
        return command


@cache
def _points(within: str = "") -> dict[str, EntryPoint]:
    """The commands that parts bring: those of the root, or those that they add to a group of another part.

    One command asks four times, and each look at what is installed takes 7 ms.
    """
    group = f"rgbir.commands.{within}" if within else "rgbir.commands"
    return {point.name: point for point in entry_points(group=group)}


def _app_of(point: EntryPoint) -> typer.Typer:
    loaded = point.load()
    if isinstance(loaded, typer.Typer):
        return loaded
    app = typer.Typer(add_completion=False)
    app.command()(loaded)
    return app


def _inner(group: str, name: str, point: EntryPoint) -> Any:
    """A part's command in another part's group."""
    try:
        command = get_command(_app_of(point))
    except ImportError as error:
        return _absent(f"{group} {name}", point, error)
    command.name = name
    return command


def _stub(name: str) -> Any:
    app = typer.Typer(add_completion=False)
    app.command(name, help=SUMMARIES.get(name, ""))(lambda: None)
    return get_command(app)


def _extra(point: EntryPoint) -> str:
    """What brings a command's packages."""
    room = point.value.split(".")
    return EXTRAS.get(".".join(room[:3])) or EXTRAS.get(".".join(room[:2]), "dev")


class ExtraMissing(Exception):
    """A command whose packages aren't installed."""

    exit_code = UNUSABLE


def _needed(name: str, point: EntryPoint, error: ImportError) -> str:
    package = (error.name or "more packages").partition(".")[0]
    return f"rgbir {name} needs {package}: pip install 'rgbir[{_extra(point)}]'"


def _absent(name: str, point: EntryPoint, error: ImportError) -> Any:
    """A command in place of one whose packages aren't installed: it says which extra brings them."""
    message = _needed(name, point, error)
    app = typer.Typer(add_completion=False)

    @app.command(
        name.rpartition(" ")[2],
        help=f"(needs rgbir\\[{_extra(point)}])",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    def absent() -> None:
        raise ExtraMissing(message)

    return get_command(app)


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Versions:
    """What runs here.

    Attributes:
        versions: of rgbir, Python, and each package that they run on, by name.
    """

    versions: dict[str, str]


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help="Options from a TOML file; ./rgbir.toml if it is there. See `rgbir config`.", dir_okay=False),
    ] = None,
    show_version: bool = typer.Option(False, "--version", help="Versions of rgbir and of what it runs on."),
    completion: Annotated[
        Literal["bash", "zsh", "fish"] | None,
        typer.Option(help="Print what makes that shell complete commands and options."),
    ] = None,
    as_json: dress.JsonOption = False,
    quiet: dress.QuietOption = False,
    verbose: dress.VerboseOption = 0,
) -> None:
    """Find a person seen by an infrared camera in the colour images of other cameras."""
    if completion is not None:
        print(SHELLS.get_completion_script(prog_name="rgbir", complete_var=COMPLETE, shell=completion))
        raise typer.Exit
    if not show_version:
        return
    lines = list(_versions())
    if as_json:
        print(as_document(Versions({line[: line.rfind(" ", 0, _digit(line))]: line[_digit(line) :] for line in lines})))
    else:
        show(lines)
    raise typer.Exit


def _digit(line: str) -> int:
    """Where a version begins behind its name."""
    return next(place for place, sign in enumerate(line) if sign.isdecimal() and line[place - 1] == " ")


def _versions() -> Iterator[str]:
    """rgbir's, Python's, and those of what each installed part runs on."""
    yield f"rgbir {version('rgbir')}"
    yield f"Python {platform.python_version()}, {platform.platform()}"
    for point in entry_points(group="rgbir.versions"):
        with suppress(ImportError):
            yield from point.load()()
    for package in ("fastapi", "uvicorn", "torch", "onnx", "pymilvus"):
        with suppress(PackageNotFoundError):
            yield f"{package} {version(package)}"


def main() -> None:
    """Runs the command; a failure that explains itself ends with its text and its exit code, without a traceback."""
    words = sys.argv[1:]
    if COMPLETE in os.environ:
        SHELLS.completion_init()
        with suppress(Exception):  # a shell that asks while somebody types is told nothing
            get_command(app).main(words, prog_name="rgbir", complete_var=COMPLETE)
        sys.exit(0)
    try:
        ended = get_command(app).main(words, prog_name="rgbir", standalone_mode=False)
    except Exception as error:
        explanation = explained(error)
        wants_json = "--json" in words[: words.index("--")] if "--" in words else "--json" in words
        if wants_json:
            message, code = explanation or (f"{type(error).__name__}: {error}", FAILED)
            print(printable(json.dumps({"error": message, "exit_code": code}, ensure_ascii=False)), file=sys.stderr)
            sys.exit(code)
        if explanation is None:
            raise
        message, code = explanation
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"[red]error:[/red] {printable(message).replace('[', chr(92) + '[')}"
        )
        sys.exit(code)
    sys.exit(ended if isinstance(ended, int) else 0)
