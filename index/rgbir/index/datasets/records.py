"""What a reader hands over: an image with what is known of it, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rgbir.index.cameras import Modality
from rgbir.index.images import Box


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image on disk. `source` is its name within the data set, the same wherever the folder lies.

    identity: who, 0 or more; None if unknown. number: the position in its folder from 1, where a protocol counts so.
    """

    path: Path
    source: str
    camera: str
    modality: Modality | None = None
    identity: int | None = None
    taken_at: datetime | None = None
    track: str | None = None
    box: Box | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """An input that was left out, and why."""

    source: str
    reason: str
