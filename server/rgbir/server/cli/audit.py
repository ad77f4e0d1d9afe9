"""`rgbir audit …`: is the log whole, what does it say, and does a search give the same again?"""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import Annotated

import typer

from rgbir.index import Bundle, Encoder, Searcher, open_gallery
from rgbir.index.cli.options import BundleOption, GalleryOption
from rgbir.server.access.audit import entries, problems
from rgbir.server.access.evidence import export_case, replay
from rgbir.server.errors import AuditFailed

audit = typer.Typer(help="Check, read and replay a server's audit log.", no_args_is_help=True, add_completion=False)
LogArgument = Annotated[Path, typer.Argument(help="The log that `rgbir serve --audit` writes.")]


@audit.command()
def verify(
    log: Annotated[
        list[Path],
        typer.Argument(
            help="The log that `rgbir serve --audit` writes; rotated files first, the oldest before the others."
        ),
    ],
    head: Annotated[
        str | None, typer.Option(help="A hash that `rgbir audit head` gave before; it must be in it.")
    ] = None,
    heads: Annotated[
        Path | None, typer.Option(help="What `rgbir serve --audit-heads` wrote; all of these must be in it.")
    ] = None,
) -> None:
    """Prove that no single entry was changed, taken out or put in.

    Heads that were noted where the log's writers can't write prove more, up to the last of them: that the log wasn't made anew
    as a whole, and that its end wasn't cut off.
    """
    broken = problems(log, head, heads)
    for problem in broken:
        print(problem)
    if broken:
        raise typer.Exit(1)
    first = next(entries(log), None)
    print(f"{sum(1 for _ in entries(log)):,} entries, the chain is whole")
    if first is not None and first["n"] > 1:
        print(
            f"it goes on from entry {first['n'] - 1} of a file that was rotated away; name that one first to have both checked"
        )
    if head is None and heads is None:
        print("whoever can write the log could have made all of it anew; --head or --heads would show that")


@audit.command()
def head(log: LogArgument) -> None:
    """The last entry's hash. Noted elsewhere, it shows later that the end wasn't cut off."""
    last = deque(entries(log), maxlen=1)
    print(last[0]["hash"] if last else "the log is empty")


@audit.command()
def show(
    log: LogArgument,
    case: Annotated[str | None, typer.Option(help="Of this case only.")] = None,
    who: Annotated[str | None, typer.Option(help="By this key only.")] = None,
) -> None:
    """The entries as lines of JSON."""
    for entry in entries(log):
        if case in (None, entry.get("case")) and who in (None, entry.get("who")):
            print(json.dumps(entry, ensure_ascii=False))


@audit.command("replay")
def replay_search(
    log: LogArgument,
    number: Annotated[int, typer.Argument(help="The entry's n.", min=1)],
    image: Annotated[list[Path], typer.Option(help="The query's image, as it was; may be repeated, in order.")],
    gallery: GalleryOption,
    bundle: BundleOption,
) -> None:
    """Search again as an entry says, and compare. Exit code 1 if it isn't the same; the reasons are told."""
    entry = next((entry for entry in entries(log) if entry["n"] == number), None)
    if entry is None:
        raise AuditFailed(f"{log} has no entry {number}")
    with open_gallery(gallery) as opened:
        reasons = replay(entry, [path.read_bytes() for path in image], Searcher(Encoder(Bundle(bundle)), opened))
    for reason in reasons:
        print(reason)
    if reasons:
        raise typer.Exit(1)
    print(f"the same {sum(map(len, entry['hits']))} hits in the same order")


@audit.command("export")
def export(
    log: LogArgument,
    case: Annotated[str, typer.Option(help="The case.")],
    gallery: GalleryOption,
    out: Annotated[Path, typer.Option(help="The ZIP file to write.")],
) -> None:
    """A case as a ZIP: its entries, the crops of their hits, and a hash of each file."""
    with open_gallery(gallery) as opened:
        made, missing = export_case(log, case, opened, out)
    print(f"{made} entries of {case} in {out}" + (f"; {missing} hits are erased since" if missing else ""))
