"""What released logs tell of a training on its way, from `curves.toml`. Nothing of it was measured here."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEASURED = ("R1", "mAP")


@dataclass(frozen=True, slots=True)
class Curve:
    """Numbers of one training, after some of its epochs.

    Attributes:
        setting: a key of `rgbir.training.methods.published.SETTINGS`.
        of: which log, and what it measured, in words.
        epochs: counted from 0.
        scores: by `R1` and `mAP`, in percent and digit by digit, a number for each epoch.
    """

    setting: str
    of: str
    epochs: tuple[int, ...]
    scores: Mapping[str, tuple[str, ...]]


def curve_of(method: str, row: str) -> Curve | None:
    """That of a row of a method; None where no log was released."""
    if (cells := CURVES.get(method, {}).get(row)) is None:
        return None
    scores = {score: tuple(cells[score]) for score in MEASURED}
    return Curve(cells["setting"], cells["of"], tuple(cells["epochs"]), scores)


CURVES: dict[str, dict[str, dict[str, Any]]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
