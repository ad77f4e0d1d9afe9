"""`rgbir reproduce synth`. What needs torch is imported by the command: its help needs none."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from rgbir.export.errors import ExportFailure, Interrupted
from rgbir.export.reproduce.stoppable import stoppable
from rgbir.index import UsageError, expect_writable
from rgbir.index.cli.output import Answer, in_groups, remark

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Compared:
    """What is there of a comparison.

    Attributes:
        evidence: the file of finished runs.
        page: what was made of it.
        runs: in the file, of any size and budget.
        rows: with three seeds or more, of this size and budget.
        wanted: rows that there are.
        over: whether the time was up before all was done.
    """

    evidence: Path
    page: Path
    runs: int
    rows: int
    wanted: int
    over: bool


@in_groups(
    {
        "What is trained": ("size", "data", "rows", "seeds", "images"),
        "How long": ("hours", "until"),
        "How it runs": ("device", "at_once", "workers", "cache"),
        "Files": ("out", "evidence"),
    }
)
def synth(
    out: Annotated[Path, typer.Option(help="Folder of people and trainings; the same command goes on in it.")],
    size: Annotated[
        Literal["tiny", "small", "full"],
        typer.Option(help="Of the synthetic people: small for a processor, full for a GPU, tiny to see that it works."),
    ] = "small",
    evidence: Annotated[
        Path, typer.Option(help="File of finished runs, to which they are added; the page is beside it, in Markdown.")
    ] = Path("docs/evidence.json"),
    data: Annotated[
        Path | None, typer.Option(help="People of that size that were drawn before; drawn into --out if not given.")
    ] = None,
    rows: Annotated[
        list[str] | None,
        typer.Option(help="Only this row or method, such as expat.at or dfe; may be repeated. All if not given."),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each row. Fewer than 3 make no claim.", min=1)] = 3,
    images: Annotated[
        int | None,
        typer.Option(help="Images shown in each training; 200,000 of small, 1,600,000 of full if not given.", min=1),
    ] = None,
    hours: Annotated[
        float | None, typer.Option(help="Stop after so many, and save; 0 only writes the page.", min=0)
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Stop then, and save: 07:30, or 2026-12-01T07:30, by this machine's clock.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, …")] = "cpu",
    at_once: Annotated[int, typer.Option(help="Trainings beside each other, each a process.", min=1)] = 1,
    workers: Annotated[int, typer.Option(help="Processes that prepare batches, of each training.", min=0)] = 0,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of decoded images; rgbir/images in the user's cache folder by default.")
    ] = None,
) -> Answer[Compared]:
    """Train every method and its parts alike on synthetic people, from several seeds, and compare them in pairs.

    Rows are trained from cheap to dear, each from all seeds. The same command goes on after any stop.

    Examples:
        rgbir reproduce synth --out synth --hours 8
        rgbir reproduce synth --size full --out synth --device cuda --at-once 16
    """
    from rgbir.export.reproduce.synth.budget import IMAGES
    from rgbir.export.reproduce.synth.evidence import read
    from rgbir.export.reproduce.synth.page import complete
    from rgbir.export.reproduce.synth.rows import chosen
    from rgbir.export.reproduce.synth.work import ANSWER, Order, beside_each_other, publish_now, work
    from rgbir.training.data.cache import default_folder
    from rgbir.training.device import device_named

    if hours is not None and until is not None:
        raise UsageError("--hours and --until both say when to stop; give one of them")
    device_named(device)
    chosen(rows or [])
    for written in (out, evidence):
        expect_writable(written)
    ends = time.time() + hours * HOUR if hours is not None else None if until is None else _clock(until)
    budget = images or IMAGES[size]
    place = data or out / f"people-{size}"
    order = Order(
        size, place, out / "runs", out / "sets", evidence, tuple(rows or ()), seeds, budget, ends, device, workers,
        cache or default_folder(),
    )  # fmt: skip
    options: dict[str, object] = {
        "--out": out,
        "--size": size,
        "--evidence": evidence,
        "--data": data,
        "--seeds": seeds,
        "--images": images,
    }
    options |= {"--device": device, "--at-once": at_once, "--workers": workers, "--cache": cache}
    words = [word for name, value in options.items() if value is not None for word in (name, str(value))]
    again = shlex.join(
        ["rgbir", "reproduce", "synth", *words, *(word for row in rows or [] for word in ("--rows", row))]
    )
    publish_now(evidence)
    over = order.over
    with stoppable(ANSWER, again) as asked:
        if at_once > 1 and not over:
            codes = beside_each_other(order, at_once, asked)
            if asked():
                raise Interrupted("in its processes, which saved what they did")
            if codes:
                raise ExportFailure(f"{len(codes)} of {at_once} processes failed; what they said is above")
            over = order.over
        elif not over:
            outcome = work(order, asked, remark)
            over = outcome.over
            for other in outcome.elsewhere:
                remark(f"{other}: another process trains it")
    runs = read(evidence)
    there, wanted = complete(runs, size, budget)
    about = Compared(evidence, evidence.with_suffix(".md"), len(runs), there, wanted, over)
    lines = [f"{there} of {wanted} rows have three seeds; {about.page} tells them"]
    if over:
        lines.append(f"the time is up; go on with:\n{again}")
    return Answer(about, lines)


def _clock(text: str) -> float:
    """Seconds since 1970 of a time of day, the next one, or of a date and time.

    Raises:
        UsageError: it is neither, or it has passed.
    """
    now = datetime.now().astimezone()
    try:
        if "T" in text or " " in text:
            when = datetime.fromisoformat(text).astimezone()
        else:
            of_day = datetime.strptime(text, "%H:%M").astimezone()
            when = now.replace(hour=of_day.hour, minute=of_day.minute, second=0, microsecond=0)
            when += timedelta(days=1) if when <= now else timedelta()
    except ValueError:
        raise UsageError(f"--until {text!r} is no time; expected 07:30, or 2026-12-01T07:30") from None
    if when <= now:
        raise UsageError(f"--until {text} has passed; expected a time to come")
    return when.timestamp()
