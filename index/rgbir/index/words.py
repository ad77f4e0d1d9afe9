"""Names in messages: lists of them, and the one that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def listed(names: Iterable[object], last: str = "and", most: int | None = None) -> str:
    """`a, b and c`; `a, b and 4 more` of six with `most` 2; `nothing` if there are none."""
    words = [str(name) for name in names] or ["nothing"]
    if most is not None and len(words) > most:
        words, last = [*words[:most], f"{len(words) - most:,} more"], "and"
    *before, end = words
    return f"{', '.join(before)} {last} {end}" if before else end


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` with the known name that is most like this one; nothing if none is."""
    nearest = get_close_matches(name, list(known), 1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""
