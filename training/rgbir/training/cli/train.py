"""`rgbir train`."""

from __future__ import annotations

import json
import math
import shlex
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rgbir.index import (
    PEOPLE,
    BadDataset,
    CameraNetwork,
    CantWrite,
    DataSet,
    Modality,
    OwnPictures,
    PeopleLists,
    UsageError,
    expect_writable,
    listed,
    open_data_set,
    passed_over_words,
    why,
)
from rgbir.index.cli.options import NetworkOption, PeopleOption, progress
from rgbir.index.cli.output import Answer, in_groups, note, remark, speaks
from rgbir.index.datasets.known import ROOT
from rgbir.training.cli.together import together
from rgbir.training.data.check import Check, check_images
from rgbir.training.errors import BadCheckpoint, BadRecipe, RankLost, Stopped
from rgbir.training.folder import NETWORK, RECIPE
from rgbir.training.launch import launched
from rgbir.training.stopping import asked_to_stop

if TYPE_CHECKING:
    import torch

    from rgbir.index.evaluation import Report
    from rgbir.training.data.source import Source
    from rgbir.training.data.store import ImageStore
    from rgbir.training.method import Losses, Method
    from rgbir.training.ranks import Ranks
    from rgbir.training.recipe import AnyRecipe
    from rgbir.training.record import Validate
    from rgbir.training.run import Run
    from rgbir.training.validate import Validation

NAMED = 10
"""People whom a remark names."""
SHOWN_S = 0.5
"""From one look at the losses to the next: a GPU has to be waited for."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A training that came to its end.

    Attributes:
        run: its folder.
        method, variant, row: what was trained.
        identities: people it was trained on.
        updates: how many were made.
        selected: which weights are taken.
        update, rank_1: after how many updates those were kept, and their rank-1 (0 to 1); null of the last ones.
        bundle: a name for the bundle that `rgbir export` makes of it.
    """

    run: Path
    method: str
    variant: str
    row: str | None
    identities: int
    updates: int
    selected: str
    update: int | None
    rank_1: float | None
    bundle: str


@together
@in_groups(
    {
        "The data": ("network", "people", "check", "cache", "no_cache"),
        "Settings": ("variant", "row", "recipe", "changes"),
        "How it runs": ("resume", "device", "workers"),
    }
)
def train(
    ctx: typer.Context,
    method: Annotated[str, typer.Argument(help="A method; `rgbir methods` lists them.")],
    data: Annotated[Path, typer.Option(help=ROOT)],
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    network: NetworkOption = None,
    people: PeopleOption = None,
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
) -> Answer[Trained]:
    """Train a method; weights, checkpoints and log go to the run's folder.

    Examples:
        rgbir train expat --data SYSU-MM01 --out runs/expat --device cuda --workers 6
        rgbir train expat --data demo/people --out runs/small --set backbone=compact --set schedule.updates=200
    """
    from rgbir.training import loop
    from rgbir.training.data.images import name_of, training_records
    from rgbir.training.data.source import Source
    from rgbir.training.methods import entry
    from rgbir.training.methods.checkpoints import from_nothing
    from rgbir.training.run import Run, load_run
    from rgbir.training.validate import watchers_of

    if no_cache and getattr(ctx.get_parameter_source("cache"), "name", "") == "COMMANDLINE":
        raise UsageError("--cache says where decoded images are kept, and --no-cache that they aren't; leave one out")
    ranks: Ranks = ctx.obj
    ranks.device(device)
    begun = load_run(out) if resume else None
    if begun is None:
        settings = _new_settings(out, method, variant, row, recipe, changes or [])
    else:
        _expect_same(begun, method, variant, row, recipe, changes or [])
        settings = begun.recipe
    data_set = _opened(data, network, people, out if resume else None)
    over = data_set.passed_over()
    source = Source(training_records(data_set, settings.data), settings)
    if begun is None:
        name = variant or next(iter(entry(method).variants))
        run = Run(out, method, name, name_of(data_set, settings.data), source.identities, settings, row)
        if isinstance(data_set, OwnPictures):
            run = replace(run, people=data_set.lists, network=data_set.network)
    else:
        run = begun
        _expect_data(run, source, data)
    if source.identities != run.identities:
        raise BadRecipe(
            f"{data} gives {source.identities} identities to train on, the run was made for {run.identities}; give its data set"
        )
    watchers = watchers_of(data_set, settings, source.classes)
    validation, tested = watchers.validation, watchers.tested
    unwatched = f"; no validation: {watchers.unwatched}" if watchers.unwatched else ""
    shared = f", shared by {ranks.count} processes" if ranks.count > 1 else ""
    note(
        f"{run.method} {run.variant}: {source.identities} identities, {len(source.records):,} images, {len(source):,} updates of {source.images_per_update} images on {device}{shared}{unwatched}"
    )
    for text in (*data_set.remarks(), *_tested_before(data_set, settings)):
        remark(text)
    if source.alone:
        remark(_left_out(source.alone))
    if not resume and (warning := from_nothing(settings)):
        remark(warning)
    if over.total() >= len(source.records):
        raise BadDataset(
            f"{passed_over_words(over)}; that is more than is read: put the files where the layout has them"
        )
    if over:
        remark(passed_over_words(over))
    if tested:
        remark(
            "select=best_on_test: the weights are chosen on the test set, as some released programs do. Their numbers are"
            " too good, and carry that name; select=last keeps the last weights"
        )
    stores = watchers.stores
    source.expect_shares(ranks.count)
    if ranks.leads:
        check_images([*source.records, *(record for store in stores for record in store.records)], check)
        if not no_cache:
            _decode([*source.stores, *stores], cache)
    if ranks.count > 1:
        ranks.any(False)  # the others find it decoded
        if not ranks.leads and not no_cache:
            _decode(source.stores, cache)
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
    options += [] if network is None else ["--network", network]
    words = ["rgbir", "train", run.method, "--data", str(data), "--out", str(out), *options, "--resume"]
    launch = launched()
    again = shlex.join(words) if launch is None else launch.command(words)
    stopped: Stopped | None = None
    with (
        Progress(*columns, console=console, disable=not (console.is_terminal and speaks())) as bar,
        asked_to_stop(
            "the training ends after this update and saves it; once more ends it at once", aloud=ranks.leads
        ) as asked,
    ):
        task = bar.add_task("training", total=len(source), state="")
        asked_losses = -math.inf

        def watch(update: int, losses: Losses) -> None:
            nonlocal asked_losses
            bar.update(task, completed=update + 1)
            if console.is_terminal and time.monotonic() - asked_losses > SHOWN_S:
                speed = bar.tasks[0].speed
                rate = f"{speed:.2f} updates/s " if speed else ""
                values = " ".join(f"{name} {float(loss.detach()):.3f}" for name, loss in losses.items())
                bar.update(task, state=rate + values)
                asked_losses = time.monotonic()

        def shown(what: str, measure: Validation) -> Validate:
            def measured(trained: Method, where: torch.device) -> Report | None:
                if (report := measure(trained, where, asked)) is not None:
                    numbers = f"rank-1 {100 * report.rank(1):.2f}, mAP {100 * report.mean_ap:.2f}"
                    if speaks():
                        console.print(f"{what}: {numbers}", highlight=False)
                return report

            return measured

        try:
            loop.train(
                run,
                source,
                device=device,
                resume=resume,
                workers=workers,
                validate=shown("validation", validation) if validation else None,
                test=shown("best_on_test (the test set, first trial)", tested) if tested else None,
                watch=watch,
                stop=asked,
                say=note,
                ranks=ranks,
            )
        except Stopped as ended:
            stopped = ended
        except (CantWrite, RankLost) as error:
            if (out / RECIPE).exists():
                error.args = (f"{error}. What was saved before stays; when that is mended, go on with:\n{again}",)
            raise
    if stopped is not None:
        by = "a signal to another of its processes" if asked.by is None else asked.by.name
        note(
            f"stopped by {by} after {stopped.done:,} of {stopped.total:,} updates, which are saved; go on with:"
            f"\n{again}"
        )
        raise typer.Exit(128 + (asked.by or signal.SIGTERM))
    bundle = run.bundle_name(settings.select)
    lines, update, rank_1 = list[str](), None, None
    if settings.select != "last":
        update, rank_1 = run.best(settings.select)
        lines.append(f"{settings.select}: the weights after update {update:,}, where its rank-1 was {100 * rank_1:.2f}")
    lines.append(f"done; make a bundle with: rgbir export {out} --out {bundle}")
    content = Trained(
        out, run.method, run.variant, run.row, run.identities, len(source), settings.select, update, rank_1, bundle
    )
    return Answer(content, lines)


def _opened(data: Path, network: str | None, people: Path | None, begun: Path | None) -> DataSet:
    """The data set. Of own pictures the lists of people are those of the run that goes on, or given, or drawn now.

    Raises:
        BadDataset, UsageError: see `open_data_set`.
        BadRecipe: other lists than those the run was begun with.
    """
    kept = PeopleLists.read(begun) if network is not None and begun is not None else None
    data_set = open_data_set(data, network, kept or people)
    if not isinstance(data_set, OwnPictures):
        return data_set
    if kept is not None and begun is not None:
        _expect_network(begun, data_set.network)
        if people is not None and PeopleLists.read(people) != kept:
            raise BadRecipe(f"{begun} was begun with other lists of people than {people} has; leave --people out")
        return data_set
    if data_set.lists is None:
        data_set = data_set.with_lists()
    lists = data_set.lists
    assert lists is not None
    counts = f"{len(lists.train):,} to train on, {len(lists.val):,} held back, {len(lists.test):,} to test"
    note(f"people of {data}: {counts}, {lists.label}; the run's {PEOPLE} has them, for --people")
    return data_set


def _expect_network(begun: Path, network: CameraNetwork) -> None:
    """
    Raises:
        BadRecipe: the run was begun with other cameras.
        BadCheckpoint: what it wrote down of them is damaged.
    """
    file = begun / NETWORK
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadCheckpoint(
            f"{file}, which says the run's cameras, can't be read ({why(error)}); begin a new run"
        ) from error
    if before != network.to_dict():
        raise BadRecipe(
            f"{begun} was begun with other cameras, or other places of theirs, than --network declares; {file} has them."
            " Give the same network, or begin a new run"
        )


def _tested_before(data: DataSet, recipe: AnyRecipe) -> list[str]:
    """Says whom of the people to test the run knows that a training starts from: a sentence, or none."""
    from rgbir.training.validate import known_to

    if not (isinstance(data, OwnPictures) and data.lists and recipe.start):
        return []
    known, run = known_to(Path(recipe.start), data, recipe, data.lists.test)
    if not known:
        return []
    return [
        f"{len(known):,} of the {len(data.lists.test):,} people to test were trained on in {run}, from whose weights this run"
        f" starts: {listed(known, most=NAMED)}. A bundle of this run won't be measured on them"
    ]


def _decode(stores: Sequence[ImageStore], cache: Path | None) -> None:
    """Has the images of the stores in the cache."""
    from rgbir.training.data.cache import default_folder

    folder = cache or default_folder()
    with progress("decoding images", sum(map(len, stores))) as advance:
        for store in stores:
            store.fill(folder, advance)
    if size := sum(store.kept_bytes for store in stores):
        note(f"decoded images: {size / 1e6:,.1f} MB in {folder}, for all workers and later runs")


def _left_out(alone: Mapping[int, Modality]) -> str:
    """Says who isn't trained on because all of their images are of one modality."""
    people = [f"{identity} ({modality.upper()})" for identity, modality in alone.items()]
    return f"{len(alone):,} identities are left out, since they are seen in one modality only: {listed(people, most=NAMED)}"


def _new_settings(
    out: Path, method: str, variant: str | None, row: str | None, recipe: Path | None, changes: list[str]
) -> AnyRecipe:
    """Those of a run that begins in a folder.

    Raises:
        BadRecipe: the folder holds a run, there is no such method, variant, row or setting, or a setting has no effect.
        CantWrite: the folder is closed.
    """
    from rgbir.training.idle import expect_effect
    from rgbir.training.methods import entry
    from rgbir.training.recipe import parse_assignments, read_changes

    expect_writable(out)
    if (out / RECIPE).exists():
        raise BadRecipe(f"{out} holds a run already; go on with --resume, or choose another --out")
    in_file, assigned = read_changes(recipe) if recipe else {}, parse_assignments(changes)
    settings = entry(method).resolve(variant, row).changed({**in_file, **assigned})
    of_a_run = recipe is not None and recipe.suffix == ".json"  # which names every setting
    expect_effect(settings, assigned if of_a_run else {**in_file, **assigned})
    return settings


def _expect_data(run: Run, source: Source, data: Path) -> None:
    """
    Raises:
        BadRecipe: the run was begun on other data.
        BadCheckpoint: what it wrote down of them is damaged.
    """
    from rgbir.training.data.people import described

    run.expect_data(described(source.records))
    if run.trained_on() is None:
        remark(
            f"{run.folder} was begun by an older version, which didn't write down what it was trained on; it goes on with"
            f" what {data} holds"
        )


def _expect_same(
    run: Run, method: str, variant: str | None, row: str | None, recipe: Path | None, changes: list[str]
) -> None:
    """A run goes on as it was begun; what is given beside --resume must be so in its recipe.

    Raises:
        BadRecipe: it isn't, or there is no such method, variant, row or setting.
        RunBusy: another process trains in the run's folder.
        BadCheckpoint: there are weights alone.
    """
    from rgbir.training.methods import entry
    from rgbir.training.recipe import flat, parse_assignments, read_changes

    run.refuse_if_busy()
    if not run.has_checkpoint:
        remark(f"{run.folder} has no checkpoint yet; the run begins again")
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
            f"{run.folder} was begun with other settings, and --resume goes on with them: {listed(apart, most=5)} would differ."
            " Leave them out, or begin a new run that starts from its weights: --set start=RUN"
        )
