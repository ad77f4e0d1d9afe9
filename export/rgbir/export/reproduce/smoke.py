"""A recipe made so small that all stages of a row are over in seconds: to see that they work, and to measure nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rgbir.index import ImageRecord
from rgbir.training.backbones.towers import TowersRecipe
from rgbir.training.recipe import AnyRecipe, IdentityRecipe, MixedRecipe, PairRecipe, TupleRecipe, ViewsRecipe

PEOPLE = 8
"""Whose images a shrunken training sees: the first so many."""

UPDATES = 2
SMALL: dict[str, Any] = {
    "backbone": "compact",
    "height": 64,
    "width": 32,
    "select": "last",
    "validate_every": 0,
    "amp": "off",
}
BY_RECIPE: dict[type[AnyRecipe], dict[str, Any]] = {
    TowersRecipe: {"people": 3, "fc7": 32},
    TupleRecipe: {"tuples": 3},
    PairRecipe: {"pairs": 16},
    IdentityRecipe: {"people": 3, "images": 3},
    ViewsRecipe: {"people": 3, "images": 3},
    MixedRecipe: {"people": 3, "images": 4},
}
"""By kind of recipe, the narrower kind first."""
OTHERS: dict[str, Any] = {
    "augment.padcrop": 2,
    "dfe.parts": 2,
    "dfe.width": 32,
    "slim": 8,
    "sphere.embedding": 32,
    "hcml.components": 16,
    "hcml.iterations": 20,
    "embedding": 32,
}
"""Of recipes that have such a setting."""
FIXED = {"hacnn": (160, 64), "mudeep": (256, 128)}
"""Networks that take one image size."""
SLIM = "slim"
"""Recipes that have this keep their networks, and divide their widths by it."""


def shrunk(recipe: AnyRecipe, known: Mapping[str, Any]) -> AnyRecipe:
    """The recipe on small images, with a small network and for an update or an epoch.

    Args:
        recipe: of a row.
        known: all of its settings by dotted name.
    """
    kind = next((kind for kind in BY_RECIPE if isinstance(recipe, kind)), None)
    changes = {**SMALL, **(BY_RECIPE[kind] if kind else {}), **OTHERS}
    changes |= {"schedule.updates": UPDATES} if "schedule.updates" in known else {"schedule.epochs": 1}
    if SLIM in known:
        del changes["backbone"]
        changes["height"], changes["width"] = FIXED.get(recipe.backbone, (64, 32))
    return recipe.changed({name: value for name, value in changes.items() if name in known})


def some(records: list[ImageRecord]) -> list[ImageRecord]:
    """The images of the first people."""
    people = sorted({record.identity for record in records if record.identity is not None})[:PEOPLE]
    return [record for record in records if record.identity in people]
