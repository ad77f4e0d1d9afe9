"""Settings that have no effect beside others, by which whoever gives them is told so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rgbir.training.errors import BadRecipe
from rgbir.training.settings import Settings, flat

Others = Mapping[str, tuple[Any, ...]]
"""By the names of other settings: values of theirs beside which a setting, or a group of settings, is idle."""

_VIEWS = ("rgb", "rgb_again", "ir", "ir_again")
_NO_ERASING: Others = {"augment.erasing": (0,), **{f"views.{view}.erasing": (None, 0) for view in _VIEWS}}
IDLE: tuple[tuple[str, Others], ...] = (
    ("tested", {"select": ("last", "best_validation")}),
    ("augment.border", {"augment.padcrop": (0,)}),
    *((f"augment.erasing_{what}", _NO_ERASING) for what in ("fill", "area", "form")),
    ("views.rgb_again", {"views.of_rgb": (1,)}),
    ("views.ir_again", {"views.of_ir": (1,)}),
    *((f"views.{view}.inner_grey", {f"views.{view}.channels": ("off", "any")}) for view in _VIEWS),
    ("flip", {"tta": ("none",)}),
    ("nl.inter", {"nl.on": (False,)}),
    ("ranking_weights", {"ranking": ("triplet", "off")}),
    ("triplet_margin", {"ranking": ("wrt",)}),
    ("centres_margin", {"centres": ("qc", "off")}),
    ("average.since", {"average.decay": (0,)}),
    ("deen.fold", {"deen.mfa": (False,)}),
    ("deen.cpm", {"deen.branches": (0,)}),
    ("deen.ort", {"deen.branches": (0, 1)}),
    ("mscm.residual", {"mscm.blocks": ("off",)}),
    ("mscm.margin", {"mscm.loss": ("triplet",)}),
    ("mscm.alpha", {"mscm.loss": ("triplet",)}),
    ("mpa.sep", {"mpa.parts": (0, 1)}),
    ("mpa.mutual_weight", {"mpa.mutual": ("off",)}),
    ("mpa.rate", {"mpa.mutual": ("off",)}),
    ("saai.position", {"saai.parts": (0,)}),
    ("saai.dp", {"saai.parts": (0, 1)}),
    ("saai.dp_weight", {"saai.parts": (0, 1)}),
    ("saai.dp_weight", {"saai.dp": ("off",)}),
    ("saai.slack", {"saai.cs": (0,)}),
    ("saai.rate", {"saai.mutual": (0,)}),
    ("xiv.margin", {"xiv.gap_weight": (0,)}),
    ("xiv.distance", {"xiv.gap_weight": (0,)}),
    ("rise", {"reversal": (0,)}),
)
"""Where several other settings stand beside one, all of those that the recipe has must have such a value."""


def expect_effect(recipe: Settings, given: Iterable[str]) -> None:
    """
    Args:
        recipe: with what was given.
        given: the settings that a caller named, dotted.

    Raises:
        BadRecipe: one of them has no effect in this recipe.
    """
    values = dict(flat(recipe.model_dump(mode="json")))
    for name in given:
        for setting, others in IDLE:
            known = {other: values[other] for other in others if other in values}
            if f"{name}.".startswith(f"{setting}.") and known and all(known[k] in others[k] for k in known):
                other, value = next(iter(known.items()))
                raise BadRecipe(
                    f"{name} has no effect beside {other}={str(value).lower()}; leave it out, or change {other}"
                )
