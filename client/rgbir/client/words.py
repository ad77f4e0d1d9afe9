"""The name that was probably meant, in messages."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """`; did you mean 'x'?` with the known name that is most like this one; nothing if none is.

    Args:
        likeness: of the two names at least, 0 to 1.
    """
    nearest = get_close_matches(name, list(known), 1, likeness)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""
