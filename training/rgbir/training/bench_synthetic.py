"""Whether drawing 2 is as hard as it should be: by untrained networks, and by one that was trained on it."""

from __future__ import annotations

import statistics
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from rgbir.index import SysuMM01
from rgbir.index.bench.synthetic import checks, held_back, missed
from rgbir.index.bench.trained import found_by
from rgbir.index.progress import Progress, silent
from rgbir.index.synthetic.drawing2.world import Knob, World
from rgbir.training.data.store import ImageStore
from rgbir.training.errors import BadRecipe
from rgbir.training.methods import entry
from rgbir.training.run import Run, load_run
from rgbir.training.validate import Validation, embedded

NETWORKS = 5
COMPACT = {"backbone": "compact", "height": 128, "width": 48}


def bench_synthetic(
    size: str = "small",
    networks: int = NETWORKS,
    seed: int = 0,
    scratch: Path | None = None,
    done: Progress = silent,
) -> dict[str, Any]:
    """Checks a to d, i and j of drawing 2 on its val people, rank-1 in percent, and which of them miss their target.

    Args:
        size: whose val people.
        networks: untrained ones, whose mean counts.
        seed: of the drawing.
        scratch: where people are drawn; the system's temporary folder if None.
        done: told how many images were drawn.
    """
    world = World(seed)
    with held_back(world, size, done, scratch) as data:
        untrained = [untrained_rank_1(data, number) for number in range(networks)]
        figures = {"a_untrained": statistics.mean(untrained), **checks(data, world)}
    return {
        **figures,
        "untrained_spread": statistics.stdev(untrained) if networks > 1 else 0.0,
        "seed": seed,
        "size": size,
        "missed": "; ".join(missed(figures)) or "none",
    }


def untrained_rank_1(data: SysuMM01, number: int) -> float:
    """Percent of infrared queries of the val list that an untrained compact network answers right at once.

    Raises:
        BadRecipe: nobody is held back.
    """
    task = data.held_back()
    if task is None:
        raise BadRecipe(f"{data.root} holds nobody back, so there is nothing to measure on")
    run = Run(Path("untrained"), "expat", "bench", data.name, 1, entry("expat").resolve().changed(COMPACT))
    torch.manual_seed(number)
    method = run.build()
    report = Validation(*task, run.recipe.height, run.recipe.width)(method, torch.device("cpu"))
    assert report is not None
    return 100 * report.rank(1)


def bench_trained(
    run: Path,
    size: str = "small",
    seed: int = 0,
    without: Collection[Knob] = (),
    scratch: Path | None = None,
    done: Progress = silent,
) -> dict[str, Any]:
    """Checks e or f, g, h and k of drawing 2: what a trained network finds of the val people, in percent.

    Args:
        run: its folder. It trained on the drawing's train list, so it knows none of these people.
        size: whose val people.
        seed: of the drawing.
        without: what is switched off in these people's pictures.
        scratch: where people are drawn; the system's temporary folder if None.
        done: told how many images were drawn.

    Raises:
        BadRecipe: the run was trained on the val people as well.
        BadCheckpoint: the run has no weights yet, or they are damaged.
    """
    trained = load_run(run)
    if (people := trained.recipe.data.train_identities) != "train":
        raise BadRecipe(
            f"{run} was trained on the list {people!r}, which has the people in it who are asked for; train again with"
            " --set data.train_identities=train"
        )
    method, world = trained.load_weights(), World(seed, frozenset(without))
    with held_back(world, size, done, scratch) as data:
        recipe = trained.recipe
        store = ImageStore(list(data.records("val")), recipe.height, recipe.width, recipe.resize)
        features = embedded(method, store, torch.device("cpu"))
        assert features is not None
        figures = found_by(features, method.metric, data, world)
    return {**figures, "run": str(run), "seed": seed, "size": size, "without": ", ".join(sorted(without)) or "nothing"}
