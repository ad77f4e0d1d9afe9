"""Which world is drawn: its seed, and what is switched off in it."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from rgbir.index.errors import UsageError
from rgbir.index.words import listed

Knob = Literal["lookalikes", "cloth", "occlusion", "crops", "sensor"]
KNOBS: tuple[Knob, ...] = get_args(Knob)
BLOCK = 20
"""People of a block resemble each other; no list divides one."""
STRANGERS_FROM = 3_000_000
"""Who has a higher number is nobody of the set, and walks through others' pictures."""
STRANGERS = 400
"""Of each list."""


class World(NamedTuple):
    """Everything that is drawn follows from it.

    Attributes:
        seed: another one is another place with other people.
        without: what is switched off, for attributions: `lookalikes` (nobody resembles anybody), `cloth` (near infrared as
            in drawing 1, whatever the colour), `occlusion` (nothing and nobody in front or beside), `crops` (boxes
            without errors), `sensor` (no noise, no blur, the best JPEG).
    """

    seed: int = 0
    without: frozenset[Knob] = frozenset()

    def has(self, knob: Knob) -> bool:
        """Whether that is drawn."""
        return knob not in self.without


def knobs(names: list[str]) -> frozenset[Knob]:
    """The knobs of these names.

    Raises:
        UsageError: there is none of that name.
    """
    if unknown := sorted(set(names) - set(KNOBS)):
        raise UsageError(f"--without knows {listed(KNOBS)}, not {listed(unknown)}")
    return frozenset(knob for knob in KNOBS if knob in names)
