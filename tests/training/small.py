"""Small runs of any method, for its tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from rgbir.index import SysuMM01
from rgbir.training import METHODS, Losses, Method, Run, TupleBatch, fit
from rgbir.training.methods import entry
from rgbir.training.recipe import TupleRecipe
from rgbir.training.source import TupleSource

SMALL = {"backbone": "compact", "height": 64, "width": 32, "tuples": 3, "augment.padcrop": 2}
VARIANTS = [(name, variant) for name, one in METHODS.items() for variant in one.variants]
ROWS = [(name, "paper", row) for name, one in METHODS.items() for row in one.rows]


def recipe_of(
    method: str, variant: str = "paper", row: str | None = None, changes: Mapping[str, Any] | None = None
) -> TupleRecipe:
    recipe = entry(method).resolve(variant, row).changed({**SMALL, **(changes or {})})
    assert isinstance(recipe, TupleRecipe)
    return recipe


def build(recipe: TupleRecipe, method: str, identities: int = 4) -> Method:
    return entry(method).build(recipe, identities)


def batch(n: int = 3, seed: int = 0) -> TupleBatch:
    generator = torch.Generator().manual_seed(seed)
    rgb, ir = (torch.randn(3, n, 3, 64, 32, generator=generator) for _ in range(2))
    return TupleBatch(rgb, ir, torch.arange(n))


def make_run(folder: Path, people: SysuMM01, recipe: TupleRecipe, method: str = "expat") -> tuple[Run, TupleSource]:
    source = TupleSource(list(people.records("train")), recipe)
    return Run(folder, method, "paper", "people", source.identities, recipe), source


def recorded(run: Run, source: TupleSource, **options: Any) -> tuple[Method, dict[int, float]]:
    """The trained network, and the sum of the losses at each update."""
    totals: dict[int, float] = {}

    def watch(update: int, losses: Losses) -> None:
        totals[update] = float(torch.stack([loss.detach() for loss in losses.values()]).sum())

    return fit(run, source, watch=watch, **options), totals
