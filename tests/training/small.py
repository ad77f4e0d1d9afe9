"""Small runs of any method, for its tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from rgbir.index import SysuMM01
from rgbir.training import METHODS, Losses, Method, Run, TupleBatch, fit
from rgbir.training.batches import Batch, PairBatch
from rgbir.training.methods import entry
from rgbir.training.recipe import AnyRecipe, TupleRecipe
from rgbir.training.source import Source

SMALL: dict[str, Any] = {"backbone": "compact", "height": 64, "width": 32}
SMALL_TUPLES = {**SMALL, "tuples": 3, "augment.padcrop": 2}
OWN = {
    "dfe": {**SMALL, "pairs": 16, "dfe.parts": 2, "dfe.width": 32},
    "base_derivative": {**SMALL, "people": 3, "images": 3, "augment.padcrop": 2},
}
EPOCH = {"dfe": 4, "base_derivative": 8}
"""Updates an epoch on the four training people: 64 RGB images, 16 a batch; or 9 a batch, and one more."""
VARIANTS = [(name, variant) for name, one in METHODS.items() for variant in one.variants]
ROWS = [(name, "paper", row) for name, one in METHODS.items() for row in one.rows]


def recipe_of(
    method: str, variant: str = "paper", row: str | None = None, changes: Mapping[str, Any] | None = None
) -> AnyRecipe:
    return entry(method).resolve(variant, row).changed({**OWN.get(method, SMALL_TUPLES), **(changes or {})})


def lasting(method: str, updates: int) -> dict[str, Any]:
    """The change that makes a run on the four training people as long as that, or a little longer to a whole epoch."""
    return {"schedule.epochs": -(-updates // EPOCH[method])} if method in EPOCH else {"schedule.updates": updates}


def build(recipe: AnyRecipe, method: str, identities: int = 4) -> Method:
    return entry(method).build(recipe, identities)


def batch(n: int = 3, seed: int = 0) -> TupleBatch:
    generator = torch.Generator().manual_seed(seed)
    rgb, ir = (torch.randn(3, n, 3, 64, 32, generator=generator) for _ in range(2))
    return TupleBatch(rgb, ir, torch.arange(n))


def batch_for(recipe: AnyRecipe, black: bool = False) -> Batch:
    """Three tuples, or three pairs; noise, or black images."""
    tuples = batch()
    if black:
        tuples = TupleBatch(torch.zeros_like(tuples.rgb), torch.zeros_like(tuples.ir), tuples.labels)
    return tuples if isinstance(recipe, TupleRecipe) else PairBatch(tuples.rgb[0], tuples.ir[0], tuples.labels)


def make_run(folder: Path, people: SysuMM01, recipe: AnyRecipe, method: str = "expat") -> tuple[Run, Source]:
    source = Source(list(people.records("train")), recipe)
    return Run(folder, method, "paper", "people", source.identities, recipe), source


def recorded(run: Run, source: Source, **options: Any) -> tuple[Method, dict[int, float]]:
    """The trained network, and the sum of the losses at each update."""
    totals: dict[int, float] = {}

    def watch(update: int, losses: Losses) -> None:
        totals[update] = float(torch.stack([loss.detach() for loss in losses.values()]).sum())

    return fit(run, source, watch=watch, **options), totals
