"""All commands of the command line, and a way to run one in this process as `main` ends it."""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from rgbir.client.cli import app, main
from rgbir.client.config import subcommands


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code and what it printed."""

    code: int
    stdout: str
    stderr: str


def run(
    *words: object, folder: Path | None = None, typed: str = "", terminal: bool = False, **environment: str
) -> Done:
    """Runs a command. typed: what stands on standard input, which is a terminal or none."""
    stdout, stderr, before = io.StringIO(), io.StringIO(), Path.cwd()
    stdin = io.StringIO(typed)
    stdin.isatty = lambda: terminal  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(stdout), redirect_stderr(stderr):
        patched.setattr(sys, "argv", ["rgbir", *map(str, words)])
        patched.setattr(sys, "stdin", stdin)
        patched.setenv("NO_COLOR", "1")
        for name, value in environment.items():
            patched.setenv(name, value)
        os.chdir(folder or before)
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            os.chdir(before)
    return Done(code, stdout.getvalue(), stderr.getvalue())


def everything() -> dict[str, Any]:
    """Every command that does something, by what is typed behind `rgbir`."""
    root: Any = get_command(app)
    context = typer.Context(root, info_name="rgbir")
    return dict(leaf for name in root.list_commands(context) for leaf in _leaves(name, root.get_command(context, name)))


def _leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = subcommands(command)
    if not inner:
        yield name, command
    for below, child in inner.items():
        yield from _leaves(f"{name} {below}", child)


def words_of(name: str, example: str) -> list[str]:
    """What stands behind the command's name in an example of it."""
    words = shlex.split(example)
    assert words[0] == "rgbir"
    path = name.split()
    if name == "export trained":  # the group takes a run for it
        path = ["export"]
    assert words[1 : len(path) + 1] == path, example
    return words[len(path) + 1 :]
