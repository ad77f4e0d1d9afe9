"""Of what the demonstration's bundle is made: two trainings, one after the other, and whom each of them is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rgbir.export.reproduce.drawn import people_of
from rgbir.export.reproduce.synth.drawing import people
from rgbir.index import SysuMM01
from rgbir.index.synthetic import Split

METHOD, VARIANT = "expat", "official-code"
WEIGHTS = "5e769fb02461f30b2d4614b120ebe137ee58d0b1b25afff051dbc93d9289a605"
"""sha256 of the weights of the bundle that comes with rgbir."""
_BOTH: dict[str, Any] = {
    "backbone": "compact",
    "height": 128,
    "width": 48,
    "data.train_identities": "train",
    "bn_groups": "modality",
    "tuples": 16,
    "augment.mix": 0.5,
    "augment.erasing": 0.2,
    "augment.padcrop": 5,
    "optimiser.learning_rate": 0.001,
    "schedule.warmup": 100,
    "validate_every": 0,
    "checkpoint_every": 500,
}
"""What differs from the method's own recipe. Without ImageNet weights a network learns colours alone, unless they are mixed."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One of the two trainings.

    Attributes:
        name: of its run's folder.
        data: of its people's folder.
        drawn: the people in that folder, drawn if they aren't there.
        settings: what it changes of the recipe.
    """

    name: str
    data: str
    drawn: Callable[[Path], SysuMM01]
    settings: Mapping[str, Any]


def _many(folder: Path) -> SysuMM01:
    """2,400 people of drawing 1, of another seed than those that are measured on."""
    return people_of(1, Split(2400, 0, 0), 2, 2026, folder)


STAGES = (
    Stage(
        "first",
        "people-small",
        lambda folder: people("small", folder),
        {**_BOTH, "schedule.updates": 7_005, "schedule.milestones": [6_000], "denormals": "keep"},
    ),
    Stage(
        "run",
        "synthetic_people",
        _many,
        {**_BOTH, "schedule.updates": 12_000, "schedule.milestones": [8_500, 11_200], "metric": "cosine"},
    ),
)
"""The first is 7,005 updates long because the one that the bundle was made of was stopped there.

From random weights on the 420 people of drawing 2; then from there on many more of drawing 1. With so many to tell apart, a
network that began with random weights had learnt nothing after 700 updates. The metric is that of the test alone: the cosine's
rank-1 was three points higher on two sets of seeds 101 and 102, which nothing else is measured on."""
