"""Names in messages: lists of them, and the one that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def listed(names: Iterable[object], last: str = "and") -> str:
    """`a, b and c`; `nothing` if there are none."""
    *before, end = [str(name) for name in names] or ["nothing"]
    return f"{', '.join(before)} {last} {end}" if before else end


def did_you_mean(name: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """`; did you mean 'x'?` with the known name that is most like this one; nothing if none is.

    Args:
        likeness: of the two names at least, 0 to 1.
    """
    nearest = get_close_matches(name, list(known), 1, likeness)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""
