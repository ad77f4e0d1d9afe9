"""A command that torchrun started in several processes: the first one speaks, and the others follow."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import typer

from rgbir.training.errors import RankLost
from rgbir.training.launch import launched


def together(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command that runs in all processes of a launch, with `rgbir.training.ranks.Ranks` as its context's `obj`.

    What the others print is dropped. An error is told by the first process, also where another one met it; if the first one
    is gone, whoever noticed tells. The others then end with 0: torchrun ends all processes as soon as one fails, and the
    first one might not have come to its last line.
    """

    @functools.wraps(command)
    def in_each_process(*args: Any, **options: Any) -> Any:
        from rgbir.training.ranks import ALONE, joined

        context: typer.Context = options["ctx"]
        launch = launched()
        if launch is None:
            context.obj = ALONE
            return command(*args, **options)
        code, answer = 0, None
        try:
            with joined(launch) as ranks:
                context.obj = ranks
                with _speaking(ranks.leads):
                    try:
                        answer = command(*args, **options)
                    except typer.Exit as ended:
                        code = ended.exit_code
        except Exception as error:
            if ranks.leads:
                ranks.conclude()
                raise
            explains_itself = hasattr(error, "exit_code") and (not isinstance(error, RankLost) or error.announced)
            if explains_itself and ranks.concluded():
                return None
            raise
        if ranks.leads:
            ranks.conclude()
            if code:
                raise typer.Exit(code)
            return answer
        ranks.concluded()
        return None

    return in_each_process


@contextmanager
def _speaking(aloud: bool) -> Iterator[None]:
    """Drops what is printed, unless aloud."""
    if aloud:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield
