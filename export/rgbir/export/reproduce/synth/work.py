"""What processes do with the trainings: each takes the cheapest that nobody has and that isn't done, until the time is up."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from rgbir.export.errors import Interrupted
from rgbir.export.reproduce.synth import evidence
from rgbir.export.reproduce.synth.drawing import drawing, people
from rgbir.export.reproduce.synth.job import Job, carried_out, jobs
from rgbir.export.reproduce.synth.measure import TESTED, tested
from rgbir.export.reproduce.synth.page import page
from rgbir.export.reproduce.synth.rows import chosen
from rgbir.index import CantWrite, GalleryBusy, GalleryError, beside, changing, locked, writing_to
from rgbir.training.data.images import training_records
from rgbir.training.stopping import asked_to_stop

ANSWER = "ends after this update, and saves it; once more ends it at once"


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted, and with what it is done.

    Attributes:
        size: of the people.
        data: where they are, or are drawn.
        out: the folder of trainings.
        sets: the folder of people tested.
        file: of finished runs; the page is beside it, with the ending md.
        rows: labels or methods; all if empty.
        seeds: trainings of each row.
        images: shown in each.
        until: when the time is up, in seconds since 1970; None for never.
        device, workers, cache: as a training takes them.
    """

    size: str
    data: Path
    out: Path
    sets: Path
    file: Path
    rows: tuple[str, ...]
    seeds: int
    images: int
    until: float | None
    device: str
    workers: int
    cache: Path

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.until is not None and time.time() >= self.until


@dataclass(slots=True)
class Outcome:
    """What became of the trainings.

    Attributes:
        wanted: how many there are.
        done: how many of them are in the file.
        elsewhere: trainings that another process has.
        over: whether the time was up before all were taken.
    """

    wanted: int = 0
    done: int = 0
    elsewhere: list[str] = field(default_factory=list)
    over: bool = False


def work(order: Order, stop: Callable[[], bool], say: Callable[[str], None]) -> Outcome:
    """Does one training after another.

    Args:
        order: what is wanted.
        stop: asked after each update.
        say: called with a line for each training that begins or ends.

    Raises:
        Interrupted: `stop` said so; what was done is saved.
        TrainingFailure: something went wrong that isn't a finding.
        BadReproduction: the file of runs isn't one.
        CantWrite: the disk is full, or closed to us.
    """
    outcome = Outcome()
    if order.over:
        return Outcome(over=True)
    data = people(order.size, order.data)
    rows = chosen(order.rows)
    records = training_records(data, rows[0].recipe.data)
    todo = jobs(rows, order.seeds, drawing(order.size), order.images, records)
    outcome.wanted = len(todo)
    for number, job in enumerate(todo, start=1):
        if _has(order.file, job):
            outcome.done += 1
            continue
        if order.over:
            outcome.over = True
            continue
        if stop():
            raise Interrupted(f"before {job.row.label} from seed {job.seed}")
        place = order.out / job.name
        with claimed(place) as mine:
            if not mine:
                outcome.elsewhere.append(f"{job.row.label} from seed {job.seed}")
                continue
            if not _has(order.file, job):  # it may have been finished by another process meanwhile
                say(f"{job.row.label}, seed {job.seed} ({number} of {len(todo)})")
                try:
                    run = carried_out(
                        job, data, records, tested(order.size, data, order.sets), place, order.device, order.workers, order.cache,
                        lambda: stop() or order.over,
                    )  # fmt: skip
                except Interrupted:
                    if stop():
                        raise
                    outcome.over = True
                    continue
                evidence.add(order.file, run, lambda runs: publish(order.file, runs))
                say(f"{job.row.label}, seed {job.seed}: {_in_words(run)}")
            outcome.done += 1
    return outcome


def publish(file: Path, runs: Sequence[evidence.Run]) -> None:
    """Writes the page of these runs beside their file.

    Raises:
        CantWrite: the disk is full, or closed to us.
    """
    with beside(file.with_suffix(".md")) as new:
        new.write_text(page(runs), encoding="utf-8")


def publish_now(file: Path) -> None:
    """Writes the page of the runs that are there; a file without any is made if there is none.

    Raises:
        BadReproduction: the file isn't one of runs.
        CantWrite: the disk is full, or closed to us.
    """
    with writing_to(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    with changing(file.parent):
        runs = evidence.read(file)
        if not file.exists():
            evidence.write(file, runs)
        publish(file, runs)


@contextmanager
def claimed(place: Path) -> Iterator[bool]:
    """Whether the training in that folder is ours; it is nobody else's meanwhile, however this process ends.

    Raises:
        CantWrite: the disk is full, or closed to us.
    """
    with writing_to(place):
        place.mkdir(parents=True, exist_ok=True)
    try:
        lock = locked(place / "claim")
        lock.__enter__()
    except GalleryBusy:
        yield False
        return
    except GalleryError as error:
        raise CantWrite(str(error)) from error
    try:
        yield True
    finally:
        lock.__exit__(None, None, None)


def _has(file: Path, job: Job) -> bool:
    return any(evidence.same(run, job.run) for run in evidence.read(file))


def _in_words(run: evidence.Run) -> str:
    if "failed" in run:
        return f"failed: {run['failed']}"
    return f"rank-1 {run[TESTED]['rank_1']:.1f}, mAP {run[TESTED]['mAP']:.1f} of the people tested"


def beside_each_other(order: Order, count: int, stop: Callable[[], bool]) -> list[int]:
    """So many processes, each of which works; ends when all have ended. Asked to stop, they save and end.

    Args:
        order: what each does.
        count: how many.
        stop: asked again and again.

    Returns:
        The exit codes that aren't 0; a negative one is a signal's number.
    """
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_child, args=(order, count, os.getpid())) for _ in range(count)]
    for process in processes:
        process.start()
    asked = False
    while any(process.is_alive() for process in processes):
        if stop() and not asked:
            asked = True
            for process in processes:
                process.terminate()
        time.sleep(0.05)
    return [process.exitcode for process in processes if process.exitcode]


def _child(order: Order, count: int, parent: int) -> None:
    """One of the processes: it ends as if asked to if its parent has died."""
    for number in (signal.SIGINT, signal.SIGHUP):  # a terminal sends them to all, and the parent tells
        signal.signal(number, signal.SIG_IGN)
    if order.device == "cpu":
        torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // count))
    with asked_to_stop(ANSWER, aloud=False) as asked:
        try:
            work(order, lambda: asked() or os.getppid() != parent, lambda line: print(line, flush=True))
        except Interrupted:
            return
