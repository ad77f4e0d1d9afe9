"""The part `footage`, which decodes films: found by the entry point `rgbir.footage`, since only it may bring FFmpeg along."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

from rgbir.index import Camera, Detector
from rgbir.server.errors import NoFootage

INSTALL = "pip install 'rgbir[footage]'"


class FootagePart(Protocol):
    """What it does for a server; see `rgbir.footage.served`."""

    def trouble(self) -> str | None:
        """Why it can't do anything here."""

    def check(self, called: str, fields: Mapping[str, Any]) -> None:
        """Whether a film of that name can be enrolled by these fields."""

    def enrol(
        self,
        film: Path,
        sha256: str,
        called: str,
        camera: Camera,
        fields: Mapping[str, Any],
        destination: Any,
        detector: Detector | None,
        *,
        most_seconds: float,
        point: str | None,
        note: Callable[[str], None],
        follow: Callable[[Mapping[str, Any]], None],
        stopped: Callable[[], bool],
    ) -> bool:
        """Enrols everyone who passes in a film; False if it was stopped."""

    def clip(
        self,
        film: Path,
        since: float,
        until: float,
        ignored: Sequence[Sequence[tuple[float, float]]],
        write: Callable[[bytes], Any],
    ) -> Mapping[str, Any]:
        """Writes the seconds of a film as an MP4; tells since, until, zero and recoded."""

    def suffixes(self) -> frozenset[str]:
        """How the names of films end."""


def footage_part() -> FootagePart:
    """The part, if it is installed with all it needs.

    Raises:
        NoFootage: it isn't.
    """
    part = _loaded()
    trouble = "this server takes no films: its part for footage isn't installed" if part is None else part.trouble()
    if part is None or trouble is not None:
        raise NoFootage(
            f"{trouble}. Whoever runs the server types {INSTALL} and starts it again"
            if INSTALL not in str(trouble)
            else f"{trouble}, and start the server again"
        )
    return part


@cache
def _loaded() -> FootagePart | None:
    points = list(entry_points(group="rgbir.footage"))
    if not points:
        return None
    part: FootagePart = points[0].load()()
    return part
