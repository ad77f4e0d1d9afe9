"""Names in messages: lists of them, and the one that was probably meant."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from json import JSONDecodeError
from typing import Any

_SYSTEM = {
    errno.ENOENT: "there is no such file or folder",
    errno.ECONNREFUSED: "nobody listens there",
    errno.EISDIR: "it is a folder, and a file is expected",
    errno.EACCES: "it is closed to us",
}


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


def fault(entry: Mapping[str, Any]) -> str:
    """What is wrong, of one entry of a pydantic error's list, without the words that pydantic puts before ours."""
    return str(entry["msg"]).removeprefix("Value error, ")


def why(error: BaseException) -> str:
    """What Python's errors say, in our words: of the system, of JSON and text, and of a pydantic model's first fault."""
    if isinstance(error, OSError) and error.errno is not None:
        return _SYSTEM.get(error.errno) or error.strerror or str(error)
    if isinstance(error, JSONDecodeError):
        return f"it isn't JSON from line {error.lineno}, column {error.colno} on"
    if isinstance(error, UnicodeDecodeError):
        return f"it isn't UTF-8 text from byte {error.start} on"
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    if hasattr(error, "errors"):
        first, *others = error.errors()
        place = ".".join(map(str, first["loc"]))
        more = f", and {len(others):,} more" if others else ""
        return f"{place + ': ' if place else ''}{fault(first)}{more}"
    return str(error)
