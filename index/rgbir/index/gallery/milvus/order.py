"""The first of an order that Milvus doesn't keep, found by counting.

Milvus sorts nothing but primary keys. It counts what lies between two values, though, and answers with one row. So a stretch of
values is looked for that holds about as many entities as are wanted, and these alone are fetched and sorted here.
"""

from __future__ import annotations

from collections.abc import Callable

ID_DIGITS = 24
"""Hexadecimal digits of a sighting's id, which follows a hash: ids are spread evenly, and their order is that of the numbers."""
IDS: int = 16**ID_DIGITS
_WIDER = 8


def stretch(
    count: Callable[[int, int], int], low: int, high: int, wanted: int, most: int, near: int, step: int
) -> tuple[int, int]:
    """A value up to which enough entities lie, and not too many, and how many there are.

    Args:
        count: how many have a value from one number on, below another.
        low, high: they are looked for from `low` on, below `high`.
        wanted, most: so many are enough, and more than that are too many; 1 ≤ wanted ≤ most.
        near: where to look first.
        step: how far to look from there then; the next steps are eight times as long each, until the value lies between two.

    Returns:
        `end`, and how many entities lie from `low` on below it: from `wanted` to `most`; or fewer than `wanted` with `end` = `high`,
        where there are no more; or fewer than `wanted` elsewhere, when the value `end` itself is the value of too many.
    """
    there = count(low, high)
    if there <= most:
        return high, there
    below, before, above = low, 0, high
    probe = near
    while above - below > 1:
        probe = min(max(probe, below + 1), above - 1)
        there = count(low, probe)
        if wanted <= there <= most:
            return probe, there
        if there > most:
            above = probe
        else:
            below, before = probe, there
        if below == low:
            probe = above - step
        elif above == high:
            probe = below + step
        else:
            probe = (below + above) // 2
        step *= _WIDER
    return below, before


def id_at(number: int) -> str:
    """The id that stands there; past the last one, what comes after all of them."""
    return f"{number:0{ID_DIGITS}x}" if number < IDS else "g"


def number_of(sighting: str) -> int:
    """Where an id stands among all ids; the first place for what is none."""
    try:
        return min(max(int(sighting, 16), 0), IDS - 1)
    except ValueError:
        return 0
