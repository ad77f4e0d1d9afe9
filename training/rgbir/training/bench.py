"""What training costs on this machine: the loop beside the same network on ready tensors, and the batches alone."""

from __future__ import annotations

import multiprocessing
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Literal

import torch

from rgbir.index import SysuMM01
from rgbir.index.synthetic import Split, synthesize
from rgbir.training.data.source import Source, batches
from rgbir.training.loop import PRECISIONS, train
from rgbir.training.method import Losses
from rgbir.training.methods import entry
from rgbir.training.optim import set_rate
from rgbir.training.run import Run

KINDS = {"tuples": "expat", "pairs": "dfe", "identities": "agw", "mixed": "hpiln"}
"""Of batches, and a method that trains on each."""
SMALL: Mapping[str, Any] = {"backbone": "compact", "height": 128, "width": 48}
SMALL_OF = {"hpiln": {"height": 128, "width": 48, "slim": 8}, "dfe": {**SMALL, "dfe.parts": 2, "dfe.width": 32}}
UNCOUNTED = 2
"""Updates before the first that counts."""
BATCHES = 40
"""That are counted, at least, where nothing is computed with them."""


class _EnoughError(Exception):
    """As many updates as were asked for."""


def bench_train(
    kinds: Sequence[str] = tuple(KINDS),
    device: str = "cpu",
    workers: int = 0,
    updates: int = 5,
    rounds: int = 3,
    small: bool = False,
    amp: Literal["off", "bf16"] = "off",
    identities: int = 16,
    images: int = 6,
    scratch: Path | None = None,
    done: Callable[[str], object] = lambda what: None,
) -> dict[str, Any]:
    """Images a second, medians over the rounds, of synthetic people with the networks untrained.

    For each kind of batch: the whole loop; the same network, losses and optimiser on batches that are ready on the device,
    which is the limit; their ratio, which is the median of the rounds' ratios; the batches alone; and the memory of the
    workers (PSS: a page that n processes share counts as 1/n of a page in each).

    Args:
        kinds: of batches, from `KINDS`.
        device: of the network.
        workers: processes that prepare batches.
        updates: that are counted, in each round.
        rounds: in each the loop and its limit are measured one after the other.
        small: a compact network and small images, in place of the methods' own.
        amp: mixed precision of the network.
        identities: people that are drawn.
        images: of each person by each of six cameras.
        scratch: where people are drawn and decoded, the system's temporary folder if not said.
        done: told of each kind that is measured.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        people = Path(folder) / "people"
        synthesize(people, Split(identities, 0, 0), images)
        figures: dict[str, Any] = {"threads": torch.get_num_threads(), "images": 6 * identities * images}
        runs = {kind: _run(kind, Path(folder), small, amp, identities) for kind in kinds}
        sources = {kind: Source(list(SysuMM01(people).training()), run.recipe) for kind, run in runs.items()}
        measured = {
            kind: _of_batches(source, Path(folder) / f"{kind}-decoded", device, workers, updates, rounds)
            for kind, source in sources.items()
        }  # before the networks: a worker begins with its parent's memory
        for kind, run in runs.items():
            measured[kind] |= _of_loops(run, sources[kind], device, workers, updates, rounds)
            figures |= {f"{kind}_{name}": value for name, value in measured[kind].items()}
            done(kind)
    return figures


def ratios(figures: Mapping[str, Any]) -> dict[str, float]:
    """The loop against ready tensors, of each kind of batch."""
    kinds = [name.removesuffix("_ratio") for name in figures if name.endswith("_ratio")]
    return {f"{kind}_loop_against_ready_tensors": figures[f"{kind}_ratio"] for kind in kinds}


def _run(kind: str, folder: Path, small: bool, amp: str, identities: int) -> Run:
    method = KINDS[kind]
    changes = {"amp": amp, "validate_every": 0, **(SMALL_OF.get(method, SMALL) if small else {})}
    return Run(folder / kind, method, "bench", "people", identities, entry(method).resolve().changed(changes))


def _of_batches(source: Source, cache: Path, device: str, workers: int, updates: int, rounds: int) -> dict[str, Any]:
    first, again = (_seconds(lambda: _fill(source, cache)) for _ in range(2))
    rates, memory = zip(*(_alone(source, device, workers, updates) for _ in range(rounds)), strict=True)
    shown = sum(map(len, source.stores))
    return {
        "height": source.recipe.height,
        "width": source.recipe.width,
        "batch": source.images_per_update,
        "decode_per_s": shown / first,
        "find_decoded_per_s": shown / again,
        "decoded_mib": sum(store.kept_bytes for store in source.stores) / 2**20,
        "batches_alone_per_s": statistics.median(rates),
        "workers_pss_mib": statistics.median(memory) / 2**20,
    }


def _of_loops(run: Run, source: Source, device: str, workers: int, updates: int, rounds: int) -> dict[str, Any]:
    loops, limits = [], []
    for number in range(rounds):
        loops.append(_loop(replace(run, folder=run.folder / f"{number}"), source, device, workers, updates))
        limits.append(_limit(run, source, device, updates))
    return {
        "loop_per_s": statistics.median(loops),
        "ready_tensors_per_s": statistics.median(limits),
        "ratio": statistics.median(ours / limit for ours, limit in zip(loops, limits, strict=True)),
    }


def _fill(source: Source, cache: Path) -> None:
    for store in source.stores:
        store.fill(cache)


def _loop(run: Run, source: Source, device: str, workers: int, updates: int) -> float:
    """Images a second of `train`, from the end of an update to the end of a later one; a GPU is waited for at both alone."""
    times: list[float] = []

    def watch(update: int, losses: Losses) -> None:
        done = update + 1
        if done in (UNCOUNTED, UNCOUNTED + updates):
            _finished(device)
            times.append(time.perf_counter())
        if len(times) == 2:
            raise _EnoughError

    with suppress(_EnoughError):
        train(run, source, device=device, workers=workers, watch=watch)
    return updates * source.images_per_update / (times[1] - times[0])


def _limit(run: Run, source: Source, device: str, updates: int) -> float:
    """Images a second of the plainest loop on two batches that are there."""
    recipe, target = run.recipe, torch.device(device)
    ready = [source.ready(source.raw(update), target) for update in range(2)]
    method = run.build().to(target).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimiser = recipe.optimiser.build(method, method.fresh)
    set_rate(optimiser, recipe.optimiser.learning_rate * recipe.schedule.factor(0, 0))
    method.begin(0)
    started = 0.0
    for update in range(UNCOUNTED + updates):
        if update == UNCOUNTED:
            _finished(device)
            started = time.perf_counter()
        with torch.autocast(target.type, PRECISIONS.get(recipe.amp), enabled=recipe.amp != "off"):
            losses = method.losses(ready[update % 2])
        optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
    _finished(device)
    return updates * source.images_per_update / (time.perf_counter() - started)


def _alone(source: Source, device: str, workers: int, updates: int) -> tuple[float, int]:
    """Images a second of the batches alone, and the bytes of the workers' memory after that."""
    waiting = 2 * workers + UNCOUNTED  # that many may have been prepared before anybody asked
    counted = max(updates, BATCHES, 5 * waiting)
    coming = batches(source, 0, workers, torch.device(device))
    started, counter = 0.0, count()
    for number, _ in zip(counter, coming, strict=False):
        if number == waiting:
            _finished(device)
            started = time.perf_counter()
        if number == waiting + counted:
            break
    _finished(device)
    taken = time.perf_counter() - started
    return counted * source.images_per_update / taken, sum(map(pss, _children()))


def _children() -> list[int]:
    return [child.pid for child in multiprocessing.active_children() if child.pid]


def pss(process: int) -> int:
    """Bytes of a process's memory, a page that n processes share as 1/n of a page; 0 where the system doesn't tell."""
    try:
        line = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii"), re.M)
    except OSError:
        return 0
    return 1024 * int(line[1]) if line else 0


def _finished(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
