"""Small runs of any method, for its tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from rgbir.index import SysuMM01
from rgbir.training import METHODS, Losses, Method, Run, TupleBatch, train
from rgbir.training.backbones.towers import TowersRecipe
from rgbir.training.data.batch import Batch, MixedBatch, PairBatch, ViewBatch
from rgbir.training.data.source import Source
from rgbir.training.methods import entry
from rgbir.training.recipe import AnyRecipe, IdentityRecipe, MixedRecipe, PairRecipe, TupleRecipe, ViewsRecipe

SMALL: dict[str, Any] = {"backbone": "compact", "height": 64, "width": 32, "select": "last", "amp": "off"}
BY_RECIPE: dict[type[AnyRecipe], dict[str, Any]] = {
    TowersRecipe: {"people": 4, "fc7": 32},
    TupleRecipe: {"tuples": 3},
    PairRecipe: {"pairs": 16},
    IdentityRecipe: {"people": 3, "images": 3},
    ViewsRecipe: {"people": 3, "images": 3},
    MixedRecipe: {"people": 3, "images": 4},
}
"""By kind of recipe, the narrower kind first."""
EXTRA: dict[str, dict[str, Any]] = {
    "dfe": {"dfe.parts": 2, "dfe.width": 32},
    "hpiln": {"slim": 8},
    "hsme": {"sphere.embedding": 32},
    "hcml": {"hcml.components": 16, "hcml.iterations": 20},
    "asymmetric_fc": {"embedding": 32},
    "msr": {"embedding": 32},
}
"""Of methods that have large settings of their own."""
FIXED = {"hacnn": (160, 64), "mudeep": (256, 128)}
"""Networks of HPILN that take one image size."""
VARIANTS = [(name, variant) for name, listed in METHODS.items() for variant in listed.variants]
ROWS = [(name, next(iter(listed.variants)), row) for name, listed in METHODS.items() for row in listed.rows]


def recipe_of(
    method: str, variant: str | None = None, row: str | None = None, changes: Mapping[str, Any] | None = None
) -> AnyRecipe:
    chosen = entry(method).resolve(variant, row)
    kind = next(kind for kind in BY_RECIPE if isinstance(chosen, kind))
    small = {**SMALL, **BY_RECIPE[kind], **EXTRA.get(method, {})}
    if kind not in (PairRecipe, MixedRecipe):
        small["augment.padcrop"] = 2
    if method == "hpiln":  # its networks are named otherwise
        del small["backbone"]
    if chosen.backbone in FIXED:
        small["height"], small["width"] = FIXED[chosen.backbone]
    return chosen.changed({**small, **(changes or {})})


def lasting(method: str, updates: int) -> dict[str, Any]:
    """The change that makes a run on the four training people as long as that, or a little longer to a whole epoch."""
    recipe = entry(method).recipe
    if hasattr(recipe.schedule, "epochs"):
        # Of the four training people, 64 RGB and 32 IR images, an epoch of pairs has 4 updates, a pass 2, and any other 8.
        passes = isinstance(recipe, ViewsRecipe) and recipe.sampling == "drop"
        return {"schedule.epochs": -(-updates // (4 if isinstance(recipe, PairRecipe) else 2 if passes else 8))}
    return {"schedule.updates": updates}


def build(recipe: AnyRecipe, method: str, identities: int = 4) -> Method:
    return entry(method).build(recipe, identities)


def batch(n: int = 3, seed: int = 0) -> TupleBatch:
    generator = torch.Generator().manual_seed(seed)
    rgb, ir = (torch.randn(3, n, 3, 64, 32, generator=generator) for _ in range(2))
    return TupleBatch(rgb, ir, torch.arange(n))


def batch_for(recipe: AnyRecipe, black: bool = False) -> Batch:
    """Three tuples, three pairs, or two or four images of each of three people; noise, or black images."""
    if isinstance(recipe, MixedRecipe):
        generator = torch.Generator().manual_seed(0)
        images = torch.randn(12, 3, recipe.height, recipe.width, generator=generator) * (not black)
        return MixedBatch(images, torch.arange(12) % 2 == 1, torch.arange(12) // 4)
    if isinstance(recipe, ViewsRecipe):
        generator = torch.Generator().manual_seed(0)
        rgb, ir = (
            torch.randn(views, 6, 3, recipe.height, recipe.width, generator=generator) * (not black)
            for views in (recipe.views.of_rgb, recipe.views.of_ir)
        )
        return ViewBatch(rgb, ir, torch.arange(6) // 2)
    tuples = batch()
    if black:
        tuples = TupleBatch(torch.zeros_like(tuples.rgb), torch.zeros_like(tuples.ir), tuples.labels)
    return tuples if isinstance(recipe, TupleRecipe) else PairBatch(tuples.rgb[0], tuples.ir[0], tuples.labels)


def make_run(folder: Path, people: SysuMM01, recipe: AnyRecipe, method: str = "expat") -> tuple[Run, Source]:
    source = Source(list(people.records("train")), recipe)
    for store in source.stores:
        store.fill(people.root.parent / "decoded")
    return Run(folder, method, "paper", "people", source.identities, recipe), source


def recorded(run: Run, source: Source, **options: Any) -> tuple[Method, dict[int, float]]:
    """The trained network, and the sum of the losses at each update."""
    totals: dict[int, float] = {}

    def watch(update: int, losses: Losses) -> None:
        totals[update] = float(torch.stack([loss.detach() for loss in losses.values()]).sum())

    return train(run, source, watch=watch, **options), totals
