"""A command that goes on where it was stopped, and says by which words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from rgbir.export.errors import Interrupted
from rgbir.index import CantWrite
from rgbir.index.cli.output import note
from rgbir.training.stopping import asked_to_stop


@contextmanager
def stoppable(answer: str, again: str) -> Iterator[Callable[[], bool]]:
    """Gives what says whether somebody asked to stop. Who stopped for that, or for a full disk, is told how to go on.

    Args:
        answer: what is said to whoever asks.
        again: the command that goes on.

    Raises:
        Exit: the work was interrupted; the exit code is that of a process which the signal ended.
        CantWrite: the disk is full, or closed to us.
    """
    with asked_to_stop(answer) as asked:
        try:
            yield asked
        except Interrupted as ended:
            assert asked.by is not None
            note(f"stopped by {asked.by.name} {ended}; go on with:\n{again}")
            raise typer.Exit(128 + asked.by) from None
        except CantWrite as error:
            raise CantWrite(f"{error}. What is finished stays; when that is mended, go on with:\n{again}") from error
