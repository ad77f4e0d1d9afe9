"""`rgbir audit …`: is the log whole, what does it say, and does a search give the same again?"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from rgbir.index import Bundle, Encoder, Searcher, open_gallery
from rgbir.index.cli.options import BundleOption, GalleryOption, RunnerOption
from rgbir.index.cli.output import Answer, remark, wants_json
from rgbir.server.access.audit import entries
from rgbir.server.access.chain import examined
from rgbir.server.access.evidence import export_case, replay
from rgbir.server.errors import NoLog

audit = typer.Typer(help="Check, read and replay a server's audit log.", no_args_is_help=True, add_completion=False)
LogArgument = Annotated[Path, typer.Argument(help="The log that `rgbir serve --audit` writes.")]


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether a log is whole.

    Attributes:
        whole: whether nothing is wrong.
        problems: what is wrong, in words.
        entries: how many there are; null where it isn't whole.
        first: the number of the first one, over 1 where earlier ones were rotated away; null without any.
    """

    whole: bool
    problems: list[str]
    entries: int | None = None
    first: int | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a log.

    Attributes:
        hash: the last entry's; null of an empty log.
        n: its number.
    """

    hash: str | None
    n: int | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """A search that was done again.

    Attributes:
        same: whether it gave the same hits in the same order.
        reasons: why not, in words.
        hits: how many the entry has.
    """

    same: bool
    reasons: list[str]
    hits: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A case that was written down.

    Attributes:
        file: the ZIP.
        entries: how many of the case.
        erased: hits whose crops are erased since.
    """

    file: Path
    entries: int
    erased: int


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
) -> Answer[Verified]:
    """Prove that no single entry was changed, taken out or put in. Exit code 1 if one was.

    Heads that were noted where the log's writers can't write prove more, up to the last of them. The log wasn't made again as a
    whole, and its end wasn't cut off.

    Examples:
        rgbir audit verify audit.log
        rgbir audit verify audit.log.1 audit.log --heads /mnt/heads/audit.heads --json
    """
    chain = examined(log, head, heads)
    if broken := [finding.text for finding in chain.findings]:
        return Answer(Verified(False, broken), broken, exit_code=1)
    first, last = chain.first, chain.last
    count = 0 if first is None or last is None else last - first + 1
    lines = [f"{count:,} entries, the chain is whole"]
    if first is not None and first > 1:
        lines.append(
            f"it goes on from entry {first - 1} of a file that was rotated away; name that one first to have both checked"
        )
    if head is None and heads is None:
        remark("whoever can write the log could have made all of it again; --head or --heads would show that")
    return Answer(Verified(True, [], count, first), lines)


@audit.command()
def head(log: LogArgument) -> Answer[Head]:
    """The last entry's hash. Noted elsewhere, it shows later that the end wasn't cut off.

    Examples:
        rgbir audit head audit.log
        rgbir audit head audit.log --json
    """
    last = deque(entries(log), maxlen=1)
    if not last:
        return Answer(Head(None, None), ["the log is empty"])
    return Answer(Head(last[0]["hash"], last[0]["n"]), [last[0]["hash"]])


@audit.command()
def show(
    ctx: typer.Context,
    log: LogArgument,
    case: Annotated[str | None, typer.Option(help="Of this case only.")] = None,
    who: Annotated[str | None, typer.Option(help="By this key only.")] = None,
) -> Answer[list[dict[str, Any]]]:
    """The entries as lines of JSON; with --json as one list.

    Examples:
        rgbir audit show audit.log --case 2026-118
        rgbir audit show audit.log --who ann --json
    """
    asked = (entry for entry in entries(log) if case in (None, entry.get("case")) and who in (None, entry.get("who")))
    if wants_json(ctx):
        return Answer(list(asked))
    return Answer([], (json.dumps(entry, ensure_ascii=False) for entry in asked))


@audit.command("replay")
def replay_search(
    log: LogArgument,
    number: Annotated[int, typer.Argument(help="The entry's n.", min=1)],
    image: Annotated[list[Path], typer.Option(help="The query's image, as it was; may be repeated, in order.")],
    gallery: GalleryOption,
    bundle: BundleOption,
    runner: RunnerOption = "onnxruntime",
) -> Answer[Replayed]:
    """Search again as an entry says, and compare. Exit code 1 if it isn't the same; the reasons are told.

    Examples:
        rgbir audit replay audit.log 17 --image query.jpg --gallery /srv/gallery --bundle expat_resnet50.sysu_mm01
        rgbir audit replay audit.log 18 --image a.jpg --image b.jpg --gallery /srv/gallery --bundle bundle --json
    """
    entry = next((entry for entry in entries(log) if entry["n"] == number), None)
    if entry is None:
        raise NoLog(f"{log} has no entry {number}")
    with open_gallery(gallery) as opened:
        searcher = Searcher(Encoder(Bundle(bundle), runner=runner), opened)
        reasons = replay(entry, [path.read_bytes() for path in image], searcher)
    hits = sum(map(len, entry["hits"]))
    lines = reasons or [f"the same {hits} hits in the same order"]
    return Answer(Replayed(not reasons, list(reasons), hits), lines, 1 if reasons else 0)


@audit.command("export")
def export(
    log: LogArgument,
    case: Annotated[str, typer.Option(help="The case.")],
    gallery: GalleryOption,
    out: Annotated[Path, typer.Option(help="The ZIP file to write.")],
) -> Answer[Evidence]:
    """A case as a ZIP: its entries, the crops of their hits, and a hash of each file.

    Examples:
        rgbir audit export audit.log --case 2026-118 --gallery /srv/gallery --out case.zip
        rgbir audit export audit.log --case 2026-118 --gallery demo/gallery --out case.zip --json
    """
    with open_gallery(gallery) as opened:
        made, missing = export_case(log, case, opened, out)
    line = f"{made} entries of {case} in {out}" + (f"; {missing} hits are erased since" if missing else "")
    return Answer(Evidence(out, made, missing), [line])
