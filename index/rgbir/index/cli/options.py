"""What several commands share: options, and the progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

GalleryOption = Annotated[
    str,
    typer.Option("--gallery", help="The gallery: its folder, or milvus://HOST:PORT/NAME."),
]
FolderOption = Annotated[Path, typer.Option("--gallery", help="The gallery's folder.")]
BundleOption = Annotated[Path, typer.Option("--bundle", help="The model bundle's folder.")]
ThreadsOption = Annotated[
    int | None,
    typer.Option(help="Threads of the model; all of this process's cores by default.", min=1),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def progress(label: str, total: int) -> Iterator[Any]:
    """A bar with rate and time left on a terminal; nothing elsewhere. Yields `advance(done)`."""
    console = Console(stderr=True)
    columns = (
        TextColumn(label),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(label, total=total, rate="")

        def advance(done: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, advance=done, rate=f"{speed:.1f}/s" if speed else "")

        yield advance
