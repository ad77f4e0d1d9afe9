"""Reports of `rgbir evaluate --report`, as the server shows them: those of one folder, and what people compare of each."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rgbir.server.errors import NotThere

MOST_BYTES = 32 * 1024 * 1024
"""Of a report; one of 10 trials of 4,000 queries has 6 MB."""
MOST_LISTED = 500
RANKS = 50
"""So many of the curve's ranks are told."""
_NAME = re.compile(r"\w[\w .,@+-]{0,194}\.json")


class Saved(NamedTuple):
    """A file of the folder.

    Attributes:
        name: without its folder.
        bytes: how large it is.
        written_at: when it was changed last.
    """

    name: str
    bytes: int
    written_at: datetime


def listed_in(folder: Path) -> list[Saved]:
    """Reports by when they were written, the latest first, and the latest 500 only; links and other files aren't among them."""
    files = [
        Saved(path.name, about.st_size, datetime.fromtimestamp(about.st_mtime, UTC))
        for path in _files(folder)
        if (about := path.lstat()).st_size <= MOST_BYTES
    ]
    return sorted(files, key=lambda saved: (-saved.written_at.timestamp(), saved.name))[:MOST_LISTED]


def read_report(folder: Path, name: str) -> dict[str, Any]:
    """What a report says of its means; trials and queries one by one stay out.

    Raises:
        NotThere: no such file in the folder itself, or none that `rgbir evaluate` wrote.
    """
    if name not in {saved.name for saved in listed_in(folder)}:
        raise NotThere(f"no report {name[:80]!r} here")
    path = folder / name
    try:
        content = json.loads(path.read_bytes(), parse_constant=_refused)
        return {
            "name": name,
            "written_at": datetime.fromtimestamp(path.lstat().st_mtime, UTC),
            "protocol": {key: _plain(value) for key, value in content["protocol"].items()},
            "about": {str(key): str(value) for key, value in content["about"].items()},
            "cmc": {int(rank): _share(value) for rank, value in content["cmc"].items()},
            "curve": [_share(value) for value in content["curve"][:RANKS]],
            "mean_ap": _share(content["mAP"]),
            "mean_inp": _share(content["mINP"]),
            "trials": len(content["trials"]),
            **{key: int(content[key]) for key in ("queries", "valid_queries", "gallery_rows", "gallery_identities")},
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise NotThere(f"{name[:80]!r} is no report that `rgbir evaluate --report` wrote") from error


def _files(folder: Path) -> Iterator[Path]:
    return (
        path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink()
    )


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is no number of a report")


def _share(value: Any) -> float:
    share = float(value)
    if not (math.isfinite(share) and 0 <= share <= 1):
        raise ValueError(f"{value} is no share")
    return share


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
