"""Runs that two processes train together, for `test_ranks.py`.

A process leaves what it saw of each job in the job's folder, `0.pt` or `1.pt`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from tests.training.small import make_run, recipe_of
from tests.waiting import HANGS_AFTER_S

from rgbir.index import SysuMM01
from rgbir.training import Losses, load_run, train
from rgbir.training.errors import Stopped, TrainingFailure
from rgbir.training.launch import launched
from rgbir.training.ranks import ALONE, Ranks, joined
from rgbir.training.recipe import AnyRecipe


class Job(NamedTuple):
    """A run, and what happens to it.

    Attributes:
        name: of its folder.
        method, variant, changes: its recipe's.
        stopped_at: the update after which the second process is asked to stop; the run is resumed then.
        fails_at: the update in which the second process meets an error.
        killed_at: the update in which it is killed.
        float64: whether everything is computed in double precision.
    """

    name: str
    method: str
    variant: str | None
    changes: dict[str, Any]
    stopped_at: int = 0
    fails_at: int = 0
    killed_at: int = 0
    float64: bool = True

    def recipe(self, **changes: Any) -> AnyRecipe:
        """Its recipe, with further changes."""
        return recipe_of(self.method, self.variant, changes={**self.changes, **changes})


class Seen(NamedTuple):
    """What a process saw.

    Attributes:
        losses: by update, each term by its name.
        weights: at the end.
        words: of the error that ended it.
        stopped: updates that were done when it was stopped.
    """

    losses: dict[int, dict[str, float]]
    weights: dict[str, torch.Tensor]
    words: str = ""
    stopped: int = 0


@contextmanager
def precisely(float64: bool) -> Iterator[None]:
    """Losses ask for float32 with `.float()`; here they get float64."""
    with pytest.MonkeyPatch.context() as patched:
        if float64:
            patched.setattr(torch.Tensor, "float", torch.Tensor.double)
            torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(torch.float32)


def do(job: Job, people: Path, folder: Path, ranks: Ranks = ALONE) -> Seen:
    """Trains a job's run in this process, which may be one of several."""
    losses: dict[int, dict[str, float]] = {}

    def watch(update: int, terms: Losses) -> None:
        losses[update] = {name: float(term.detach()) for name, term in terms.items()}
        if not ranks.leads and job.killed_at and update == job.killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if not ranks.leads and job.fails_at and update == job.fails_at:
            raise TrainingFailure("the disk of the second process is on fire")

    def stop() -> bool:
        return not ranks.leads and len(losses) == job.stopped_at

    with precisely(job.float64):
        recipe = job.recipe()
        run, source = make_run(folder / job.name / "run", SysuMM01(people), recipe, job.method)
        stopped = 0
        try:
            method = train(run, source, watch=watch, stop=stop, ranks=ranks)
        except Stopped as ended:
            stopped = ended.done
            method = train(load_run(run.folder), source, resume=True, watch=watch, ranks=ranks)
        weights = {name: value.clone() for name, value in method.state_dict().items()}
    return Seen(losses, weights, stopped=stopped)


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port


def both(jobs: Sequence[Job], people: Path, folder: Path) -> Callable[[str, int], Seen]:
    """Does jobs in two processes; what each of them saw, by the job's name and the process's number."""
    ports = [free_port() for _ in jobs]
    started = multiprocessing.get_context("fork")  # importing torch again takes longer than all jobs
    processes = [started.Process(target=_process, args=(rank, jobs, ports, people, folder)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(HANGS_AFTER_S * len(jobs))
        if process.is_alive():
            process.kill()
            process.join()
    allowed = (0, -signal.SIGKILL) if any(job.killed_at for job in jobs) else (0,)
    assert all(process.exitcode in allowed for process in processes), [process.exitcode for process in processes]

    def seen(name: str, rank: int) -> Seen:
        return Seen(*torch.load(folder / name / f"{rank}.pt"))  # noqa: TID251  # written by this file

    return seen


def _process(rank: int, jobs: Sequence[Job], ports: Sequence[int], people: Path, folder: Path) -> None:
    torch.set_num_threads(1)  # OpenMP's threads don't survive a fork
    os.environ |= {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "RANK": f"{rank}", "LOCAL_RANK": f"{rank}"}
    os.environ["MASTER_ADDR"] = "127.0.0.1"
    launch = launched()
    assert launch is not None
    for job, port in zip(jobs, ports, strict=True):
        os.environ["MASTER_PORT"] = str(port)
        try:
            with joined(launch) as ranks:
                seen = do(job, people, folder, ranks)
        except TrainingFailure as error:
            seen = Seen({}, {}, f"{type(error).__name__}: {error}")
        (folder / job.name).mkdir(exist_ok=True)
        torch.save(tuple(seen), folder / job.name / f"{rank}.pt")
