"""A measurement's ratios beside those of the last one that can be compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rgbir.index.bench.document import Measurement

NOTICED = 0.15
"""A ratio that lost a larger share is told of: runs of one machine differ by up to half of that."""


class Compared(NamedTuple):
    """What a comparison says.

    Attributes:
        words: one sentence or more.
        falls: a sentence for each ratio that fell.
    """

    words: str
    falls: list[str]


def compared(new: Measurement, earlier: Sequence[Measurement]) -> Compared:
    """The ratios beside the last of the same benchmark, settings and kind of machine; others aren't compared, and it is said why."""
    alike = [old for old in earlier if old.like(new)]
    if not alike:
        return Compared("Not compared: no earlier measurement has these settings.", [])
    same = [old for old in alike if old.machine.kind is not None and old.machine.kind == new.machine.kind]
    if not same:
        kinds = dict.fromkeys(old.machine.kind or "a machine that wasn't noted" for old in alike)
        here = new.machine.kind or "a machine that isn't known"
        return Compared(f"Not compared: earlier measurements are of {'; '.join(kinds)}. This is {here}.", [])
    old = max(same, key=lambda each: each.date)
    of = f"the measurement of {old.day}" + (f" at {old.commit[:12]}" if old.commit else "")
    falls = [
        f"{name} fell from {old.ratios[name]:.3g} to {now:.3g}, by {1 - now / old.ratios[name]:.0%}, since {of}."
        for name, now in new.ratios.items()
        if old.ratios.get(name, 0) > 0 and now < (1 - NOTICED) * old.ratios[name]
    ]
    both = [name for name in new.ratios if name in old.ratios]
    words = f"Compared with {of}: {len(falls)} of {len(both)} ratios fell by more than {NOTICED:.0%}."
    if lacking := [name for name in old.ratios if name not in new.ratios]:
        words += f" Not measured this time: {', '.join(lacking)}."
    return Compared(words, falls)
