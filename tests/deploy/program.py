"""What the program itself has: variables, ports, routes, flags; for files that name them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

import typer
from typer.main import get_command
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.client.config import ELSEWHERE as ELSEWHERE_OURS
from rgbir.server.cli.serve import serve

ELSEWHERE = {"TMPDIR", "HOME"}
"""Variables of the system that the files here set."""


def unknown(environment: Mapping[str, str], arguments: Sequence[str] = ("serve",)) -> Iterator[str]:
    """What the program has no option for, or doesn't take as a value, in its own words."""
    for name in environment:
        if not name.startswith("RGBIR_") and name not in ELSEWHERE:
            yield f"nobody reads the variable {name}"
    ours = {name: value for name, value in environment.items() if name.startswith("RGBIR_")}
    given: dict[str, str | None] = {name: None for name in os.environ if name.startswith("RGBIR_")}
    command, *flags = arguments
    if command != "serve":
        raise NotImplementedError(f"only the options of serve are compared, not those of {command}")
    alone = typer.Typer(add_completion=False)
    alone.command()(serve)
    known = {flag for param in get_command(alone).params for flag in param.opts}
    for flag in flags:
        if flag.startswith("--") and flag.partition("=")[0] not in known:
            yield f"{command} has no flag {flag}"
            return
    words = ["config", command, *(["--", *flags] if flags else [])]
    done = CliRunner().invoke(app, words, env={**given, **ours})
    if done.exit_code:
        yield f"{done.output}{done.exception}"
        return
    for name in set(ours) - set(ELSEWHERE_OURS):
        if f"environment {name}" not in done.output:
            yield f"{name} reaches no option of {command}"
