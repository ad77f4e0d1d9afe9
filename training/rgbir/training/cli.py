"""`rgbir methods`, `train`, `runs`, `import`, `attend` and `bench train`. What needs torch is imported by the command that needs it: help needs none."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from rgbir.index import (
    BadDataset,
    CantWrite,
    Modality,
    UsageError,
    beside,
    decode,
    did_you_mean,
    expect_writable,
    listed,
    open_data_set,
    passed_over_words,
    pixels,
    read_bytes,
)
from rgbir.index.cli.bench import print_figures
from rgbir.index.cli.options import JsonFlag, progress
from rgbir.index.datasets.known import ROOT
from rgbir.training.data.check import Check, check_images
from rgbir.training.errors import BadRecipe, Stopped
from rgbir.training.folder import RECIPE
from rgbir.training.stopping import asked_to_stop

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from rgbir.index.evaluation import Report
    from rgbir.training.data.store import ImageStore
    from rgbir.training.method import Losses, Method
    from rgbir.training.run import Run
    from rgbir.training.runs import Validated


def methods(name: Annotated[str | None, typer.Argument(help="Show this one in full.")] = None) -> None:
    """The methods, their variants and switches, the tables' rows, and published numbers."""
    from rgbir.training.methods import METHODS, entry, published_rows
    from rgbir.training.methods.published import quoted_by
    from rgbir.training.recipe import flat

    if name is None:
        table = Table("method", "idea", "variants", "paper")
        for key, listed in METHODS.items():
            table.add_row(key, listed.idea, ", ".join(listed.variants), listed.paper)
        Console().print(table)
        return
    chosen = entry(name)
    print(f"{name}: {chosen.idea}\n{chosen.paper}\n\nvariants")
    for variant, changes in chosen.variants.items():
        print(f"  {variant}: {_changes(changes) if changes else 'the settings below'}")
    print(f"\nsettings of variant {next(iter(chosen.variants))} (change them with --set name=value)")
    for setting, value in flat(chosen.recipe.model_dump(mode="json")):
        print(f"  {setting} = {value}")
    print("\nrows of the papers' tables (--row), and what they print for them, in percent; not ours")
    printed = published_rows().get(name, {})
    for row, changes in chosen.rows.items():
        print(f"  {row}: {_changes(changes) if changes else 'as the variant'}")
        if row in printed:
            print(f"      published: {printed[row]}")
    print("\npublished numbers, in percent; not ours")
    for line in chosen.published:
        print(f"  {line}")
    if quoted := quoted_by(name):
        print("\nwhat the paper quotes of others, in percent; not ours")
        for line in quoted:
            print(f"  {line}")


def _changes(changes: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in changes.items())


def train(
    ctx: typer.Context,
    method: Annotated[str, typer.Argument(help="A method; `rgbir methods` lists them.")],
    data: Annotated[Path, typer.Option(help=ROOT)],
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    variant: Annotated[str | None, typer.Option(help="Such as official-code; the method's first if not given.")] = None,
    row: Annotated[str | None, typer.Option(help="A row of the paper's tables, such as table1.id+at+csbn.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="Settings from a TOML file, or from a run's recipe.json.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="One setting, name=value; may be repeated.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, …")] = "cpu",
    workers: Annotated[int, typer.Option(help="Processes that prepare batches.", min=0)] = 0,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder of decoded images, for all workers and later runs; rgbir/images in the user's cache folder by default."
        ),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Decode images each time they are needed.")] = False,
    check: Annotated[
        Check, typer.Option(help="Look before the first update at how each image file begins, or at all of its pixels.")
    ] = "headers",
) -> None:
    """Train a method; weights, checkpoints and log go to the run's folder."""
    from rgbir.training import loop
    from rgbir.training.data.images import name_of, training_records
    from rgbir.training.data.people import described
    from rgbir.training.data.source import Source
    from rgbir.training.device import device_named
    from rgbir.training.methods import entry
    from rgbir.training.methods.checkpoints import from_nothing
    from rgbir.training.recipe import parse_assignments, read_changes
    from rgbir.training.run import Run, load_run
    from rgbir.training.validate import first_trial_of, validation_of

    if no_cache and getattr(ctx.get_parameter_source("cache"), "name", "") == "COMMANDLINE":
        raise UsageError("--cache says where decoded images are kept, and --no-cache that they aren't; leave one out")
    device_named(device)
    begun = load_run(out) if resume else None
    if begun is not None:
        begun.refuse_if_busy()
        if not begun.has_checkpoint:
            print(f"{out} has no checkpoint yet; the run begins again", file=sys.stderr)
        _same_recipe(begun, method, variant, row, recipe, changes or [])
        settings = begun.recipe
    else:
        expect_writable(out)
        if (out / RECIPE).exists():
            raise BadRecipe(f"{out} holds a run already; go on with --resume, or choose another --out")
        given = {**(read_changes(recipe) if recipe else {}), **parse_assignments(changes or [])}
        settings = entry(method).resolve(variant, row).changed(given)
    data_set = open_data_set(data)
    over = data_set.passed_over()
    source = Source(training_records(data_set, settings.data), settings)
    if begun is None:
        name = variant or next(iter(entry(method).variants))
        run = Run(out, method, name, name_of(data_set, settings.data), source.identities, settings, row)
    else:
        run = begun
        run.expect_data(described(source.records))
        if run.trained_on() is None:
            print(
                f"{out} was begun by an older version, which didn't write down what it was trained on; it goes on with what"
                f" {data} holds",
                file=sys.stderr,
            )
    if source.identities != run.identities:
        raise BadRecipe(
            f"{data} gives {source.identities} identities to train on, the run was made for {run.identities}; give its data set"
        )
    watched = validation_of(data_set, settings, source.classes)
    if settings.select == "best_validation" and isinstance(watched, str):
        raise BadRecipe(f"select=best_validation needs a validation, but {watched}; set select=last")
    tested = first_trial_of(data_set, settings) if settings.select == "best_on_test" else None
    validation, unwatched = (None, f"; no validation: {watched}") if isinstance(watched, str) else (watched, "")
    print(
        f"{run.method} {run.variant}: {source.identities} identities, {len(source.records):,} images, {len(source):,} updates of {source.images_per_update} images on {device}{unwatched}",
        flush=True,
    )
    if source.alone:
        print(_left_out(source.alone), file=sys.stderr)
    if not resume and (warning := from_nothing(settings)):
        print(warning, file=sys.stderr)
    if over.total() >= len(source.records):
        raise BadDataset(
            f"{passed_over_words(over)}; that is more than is read: put the files where the layout has them"
        )
    if over:
        print(passed_over_words(over), file=sys.stderr)
    if tested:
        print(
            "select=best_on_test: the weights are chosen on the test set, as some released programs do. Their numbers are"
            " too good, and carry that name; select=last keeps the last weights",
            file=sys.stderr,
        )
    stores = [store for measured in (validation, tested) if measured for store in measured.stores]
    check_images([*source.records, *(record for store in stores for record in store.records)], check)
    if not no_cache:
        _decode([*source.stores, *stores], cache)
    console = Console(stderr=True)
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
        TimeRemainingColumn(),
    )
    options = ["--device", device, "--workers", str(workers), *(["--no-cache"] if no_cache else [])]
    options += [] if cache is None else ["--cache", str(cache)]
    options += [] if check == "headers" else ["--check", check]
    again = shlex.join(["rgbir", "train", run.method, "--data", str(data), "--out", str(out), *options, "--resume"])
    stopped: Stopped | None = None
    with (
        Progress(*columns, console=console, disable=not console.is_terminal) as bar,
        asked_to_stop("the training ends after this update and saves it; once more ends it at once") as asked,
    ):
        task = bar.add_task("training", total=len(source), state="")

        def watch(update: int, losses: Losses) -> None:
            speed = bar.tasks[0].speed
            rate = f"{speed:.2f} updates/s " if speed else ""
            state = (
                rate + " ".join(f"{name} {float(loss.detach()):.3f}" for name, loss in losses.items())
                if console.is_terminal
                else ""
            )
            bar.update(task, completed=update + 1, state=state)

        def validate(trained: Method, where: torch.device) -> Report | None:
            assert validation is not None
            if (report := validation(trained, where, asked)) is not None:
                console.print(
                    f"validation: rank-1 {100 * report.rank(1):.2f}, mAP {100 * report.mean_ap:.2f}", highlight=False
                )
            return report

        def on_test(trained: Method, where: torch.device) -> Report | None:
            assert tested is not None
            if (report := tested(trained, where, asked)) is not None:
                numbers = f"rank-1 {100 * report.rank(1):.2f}, mAP {100 * report.mean_ap:.2f}"
                console.print(f"best_on_test (the test set, first trial): {numbers}", highlight=False)
            return report

        try:
            loop.train(
                run,
                source,
                device=device,
                resume=resume,
                workers=workers,
                validate=validate if validation else None,
                test=on_test if tested else None,
                watch=watch,
                stop=asked,
                say=print,
            )
        except Stopped as ended:
            stopped = ended
        except CantWrite as error:
            if (out / RECIPE).exists():
                raise CantWrite(
                    f"{error}. What was saved before stays; when that is mended, go on with:\n{again}"
                ) from error
            raise
    if stopped is not None and asked.by is not None:
        print(
            f"stopped by {asked.by.name} after {stopped.done:,} of {stopped.total:,} updates, which are saved; go on with:"
            f"\n{again}"
        )
        raise typer.Exit(128 + asked.by)
    bundle = f"{run.method}_{settings.backbone}.{run.training_data}"
    if settings.select != "last":
        update, rank_1 = run.best(settings.select)
        print(f"{settings.select}: the weights after update {update:,}, where its rank-1 was {100 * rank_1:.2f}")
        bundle += f".{settings.select}"
    print(f"done; make a bundle with: rgbir export {out} --out {bundle}")


def _decode(stores: Sequence[ImageStore], cache: Path | None) -> None:
    """Has the images of the stores in the cache."""
    from rgbir.training.data.cache import default_folder

    folder = cache or default_folder()
    with progress("decoding images", sum(map(len, stores))) as advance:
        for store in stores:
            store.fill(folder, advance)
    if size := sum(store.kept_bytes for store in stores):
        print(f"decoded images: {size / 1e6:,.1f} MB in {folder}, for all workers and later runs")


def _left_out(alone: Mapping[int, Modality]) -> str:
    """Says who isn't trained on because all of their images are of one modality."""
    named = [f"{identity} ({modality.upper()})" for identity, modality in islice(alone.items(), 10)]
    more = [f"{len(alone) - 10:,} more"] if len(alone) > 10 else []
    return (
        f"{len(alone):,} identities are left out, since they are seen in one modality only: {listed([*named, *more])}"
    )


def _same_recipe(
    run: Run, method: str, variant: str | None, row: str | None, recipe: Path | None, changes: list[str]
) -> None:
    """A run goes on as it was begun; what is given beside --resume must be so in its recipe.

    Raises:
        BadRecipe: it isn't, or there is no such method, variant, row or setting.
    """
    from rgbir.training.methods import entry
    from rgbir.training.recipe import flat, parse_assignments, read_changes

    asked = entry(method)
    named = [(f"method {method}", method, run.method)]
    if variant is not None:
        asked.resolve(variant, None)
        named.append((f"variant {variant}", variant, run.variant))
    if row is not None:
        asked.resolve(None, row)
        if run.row is not None:
            named.append((f"row {row}", row, run.row))
    for option, asked_for, begun in named:
        if asked_for != begun:
            raise BadRecipe(f"{run.folder} trains {begun}, and --resume goes on with it; {option} would be another run")
    # What a run's row says, it was begun with, if nothing else was set beside; older runs don't tell their row.
    wanted = dict(asked.rows[row]) if row is not None and run.row is None else {}
    wanted |= read_changes(recipe) if recipe is not None else {}
    wanted |= parse_assignments(changes)
    other = dict(flat(run.recipe.changed(wanted).model_dump(mode="json")))
    kept = dict(flat(run.recipe.model_dump(mode="json")))
    if apart := [name for name, value in other.items() if kept.get(name) != value]:
        raise BadRecipe(
            f"{run.folder} was begun with other settings, and --resume goes on with them: {', '.join(apart[:5])} would differ."
            " Leave them out, or begin a new run that starts from its weights: --set start=RUN"
        )


def import_released(
    file: Annotated[Path, typer.Argument(help="A checkpoint as the method's authors published it.")],
    as_: Annotated[str, typer.Option("--as", help="Whose it is: agw, expat or lccrf.")],
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    trained_on: Annotated[
        str, typer.Option(help="The data set it saw, for the bundle's name: sysu_mm01, regdb_split2, …")
    ] = "unknown",
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A setting that weights don't tell, such as height=288.")
    ] = None,
) -> None:
    """Make a run of a checkpoint that a method's authors published; `rgbir export` takes it like any other."""
    from rgbir.training.recipe import parse_assignments
    from rgbir.training.released.importing import import_released as run_of

    made = run_of(file, as_, out, trained_on, parse_assignments(changes or []))
    run, recipe = made.run, made.run.recipe
    print(
        f"{run.method} {run.variant}: {run.identities} identities, {recipe.backbone} at {recipe.height}x{recipe.width},"
        f" {made.tensors} tensors of {file.name}; {made.unused} more were left out, which its authors' network doesn't read"
    )
    print(f"licence: {run.licence}. The bundle's card will carry it")
    print(f"done; make a bundle with: rgbir export {out} --out {run.method}_{recipe.backbone}.{run.training_data}")


def attend(
    run: Annotated[Path, typer.Argument(help="A run's folder, as `rgbir train --out` wrote it.")],
    images: Annotated[list[Path], typer.Argument(help="Images of one modality.")],
    modality: Annotated[Modality, typer.Option(help="Of the images.")],
    out: Annotated[Path, typer.Option(help="The picture to write (.png): each image beside its map.")],
    against: Annotated[
        Path | None, typer.Option(help="Show what the images have in common with this one, of the other modality.")
    ] = None,
) -> None:
    """Draw where a trained network looks (Grad-CAM); needs rgbir[plots]."""
    import torch

    from rgbir.training.attention import attention, overlaid
    from rgbir.training.data.transforms import normalise
    from rgbir.training.run import load_run

    if out.suffix.lower() != ".png" or not out.parent.is_dir():
        raise UsageError(f"--out is a .png file in a folder that is there, not {out}")
    expect_writable(out)
    trained = load_run(run)
    method, recipe = trained.load_weights(), trained.recipe

    def prepared(file: Path) -> tuple[NDArray[np.uint8], Tensor]:
        picture = pixels(decode(read_bytes(file), str(file)), recipe.height, recipe.width, recipe.resize).copy()
        return picture, normalise(torch.from_numpy(picture[None]))[0]

    with torch.no_grad():
        other = None if against is None else method.embed(prepared(against)[1][None], modality.other)[0]
    pairs = []
    for picture, image in map(prepared, images):
        pairs.append(np.hstack([picture, overlaid(picture, attention(method, image, modality, other))]))
    if against is not None:
        shown = prepared(against)[0]
        pairs.insert(0, np.hstack([shown, np.zeros_like(shown)]))
    with beside(out) as new:
        Image.fromarray(np.hstack(pairs)).save(new)
    print(f"{len(images)} maps in {out}")


def bench_train(
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Of batches: tuples, pairs, identities, mixed; may be repeated. All if not given."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, …")] = "cpu",
    workers: Annotated[int, typer.Option(help="Processes that prepare batches.", min=0)] = 0,
    updates: Annotated[int, typer.Option(help="That are counted, in each round.", min=1)] = 5,
    rounds: Annotated[int, typer.Option(help="The figures are medians of as many.", min=1)] = 3,
    small: Annotated[bool, typer.Option("--small", help="A compact network at 128x48, for processors.")] = False,
    amp: Annotated[Literal["off", "bf16"], typer.Option(help="Mixed precision of the network.")] = "off",
    identities: Annotated[int, typer.Option(help="People that are drawn.", min=8)] = 16,
    images: Annotated[int, typer.Option(help="Of each person by each of six cameras.", min=4)] = 6,
    scratch: Annotated[
        Path | None, typer.Option(help="Where people are drawn; the system's temporary folder by default.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """The training loop against the same network on ready tensors, the batches alone, and the workers' memory."""
    from rgbir.training.bench import KINDS
    from rgbir.training.bench import bench_train as measure

    if unknown := [name for name in kind or () if name not in KINDS]:
        raise UsageError(
            f"no kind of batch {unknown[0]!r}{did_you_mean(unknown[0], KINDS)}; there are {', '.join(KINDS)}"
        )
    with progress("measuring", len(kind or KINDS)) as advance:
        figures = measure(
            kind or tuple(KINDS), device, workers, updates, rounds, small, amp, identities, images, scratch,
            done=lambda name: advance(1),
        )  # fmt: skip
    print_figures(figures, as_json)


def runs(
    folder: Annotated[Path, typer.Argument(help="Where to look: runs may lie in folders below it.")],
    json_: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """List the runs below a folder: how far they came, what they reached, and which settings differ among them."""
    from rgbir.training.runs import runs_below

    listing = runs_below(folder)
    if json_:
        print(listing.to_json())
        return
    differing = listing.differing
    rows = any(run.row for run in listing.runs)
    table = Table("run", "method", "variant", *(["row"] if rows else []), *differing)
    for heading in ("updates", "state", "last losses", "last rank-1/mAP", "best rank-1/mAP"):
        table.add_column(heading)
    for run in listing.runs:
        table.add_row(
            escape(run.run),
            run.method,
            run.variant,
            *([run.row] if rows else []),
            *(escape(str(run.settings.get(name, ""))) for name in differing),
            f"{run.done:,}/{'?' if run.total is None else f'{run.total:,}'}",
            run.state,
            " ".join(f"{name} {loss:.3f}" for name, loss in run.losses.items()),
            _percent(run.last),
            f"{_percent(run.best)} at {run.best.update:,}" if run.best else "",
        )
    if listing.runs:
        Console(width=None if sys.stdout.isatty() else WHOLE_LINES).print(table)
    else:
        print(f"no runs below {folder}")
    for place, reason in listing.left_out.items():
        print(f"left out: {place}: {reason}", file=sys.stderr)


WHOLE_LINES = 10_000
"""Characters of a line that nobody reads on a terminal: no column is cut."""


def _percent(validated: Validated | None) -> str:
    return f"{100 * validated.rank_1:.2f}/{100 * validated.mean_ap:.2f}" if validated else ""
