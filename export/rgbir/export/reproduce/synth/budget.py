"""One budget for all: as many images are shown to each network, and a recipe's whole course is shrunk in proportion."""

from __future__ import annotations

from typing import Any

from rgbir.training.recipe import AnyRecipe, flat

IMAGES = {"tiny": 1_000, "small": 200_000, "full": 1_600_000}
"""Shown in a training, if nothing else is asked for: of `small` and `full` about thirty times each picture."""
CHECKPOINTS = 20
"""Of a training: what a kill costs is a twentieth."""


def within(recipe: AnyRecipe, images: int, per_update: int, per_epoch: int) -> AnyRecipe:
    """The recipe with a course of about so many images.

    The length becomes `images / per_update` updates, or the nearest number of whole epochs, at least one. Warm-up,
    milestones, steps and the epoch from which weights are averaged keep their share of the length, rounded.

    Args:
        recipe: with the length of its paper.
        images: that are shown; every view counts as one.
        per_update: images of a batch.
        per_epoch: updates of an epoch.
    """
    settings: dict[str, Any] = dict(flat(recipe.model_dump(mode="json")))
    unit, updates = "schedule.updates", images / per_update
    if unit in settings:
        length = max(1, round(updates))
    else:
        unit = "schedule.epochs"
        length = max(1, round(updates / per_epoch))
    share = length / settings[unit]
    course: dict[str, Any] = {unit: length}
    for name in ("schedule.warmup", "average.since"):
        if name in settings:
            course[name] = round(settings[name] * share)
    if "schedule.milestones" in settings:
        course["schedule.milestones"] = [max(1, round(at * share)) for at in settings["schedule.milestones"]]
    if "schedule.every" in settings:
        course["schedule.every"] = max(1, round(settings["schedule.every"] * share))
    total = length if unit == "schedule.updates" else length * per_epoch
    course["checkpoint_every"] = max(1, total // CHECKPOINTS)
    return recipe.changed(course)
