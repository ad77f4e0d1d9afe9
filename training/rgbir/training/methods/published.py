"""What the papers print, from `published.toml`: of their own rows, and of others' methods. Nothing of it was measured here."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

SETTINGS = {
    "all-single": "all-search single-shot",
    "all-multi": "all-search multi-shot",
    "indoor-single": "indoor-search single-shot",
    "indoor-multi": "indoor-search multi-shot",
    "thermal-to-visible": "thermal to visible",
    "visible-to-thermal": "visible to thermal",
    "Market-1501": "Market-1501",
    "CUHK03": "CUHK03",
    "DukeMTMC-reID": "DukeMTMC-reID",
}
"""What is measured, in words: four ways to test on SYSU-MM01, two on RegDB, and data sets of one modality."""

SCORES = ("R1", "R10", "R20", "mAP")
MISSING = "-"


@dataclass(frozen=True, slots=True)
class Quoted:
    """A line that papers print of somebody else's method.

    Attributes:
        setting: a key of `SETTINGS`.
        method: the quoted method's name.
        papers: who print it so, as the methods are named here.
        scores: R1, R10, R20 and mAP in percent, digit by digit; `-` where none is printed.
    """

    setting: str
    method: str
    papers: str
    scores: tuple[str, ...]


def printed(method: str, row: str) -> str:
    """What its paper prints of a row, or why it prints nothing; nothing at all where `published.toml` doesn't say."""
    rows = _content().get(method, {})
    cells = rows.get(row) or rows.get(row.partition(".")[0], {})
    parts = [f"{words} {_in_words(cells[setting].split())}" for setting, words in SETTINGS.items() if setting in cells]
    parts += [
        f"{SETTINGS[line.setting]} {_in_words(line.scores)} ({line.papers})"
        for line in quoted()
        if line.method == cells.get("quoted")
    ]
    if why := cells.get("why"):
        parts.append(why if parts else f"none: {why}")
    return "; ".join(parts)


def quoted() -> tuple[Quoted, ...]:
    """Every line that the papers print of others' methods, setting by setting."""
    return tuple(_quoted())


def quoted_by(method: str) -> list[str]:
    """What a method's paper prints of others, a line each."""
    return [
        f"{SETTINGS[line.setting]}: {line.method} {_in_words(line.scores)}"
        for line in quoted()
        if method in line.papers.split()
    ]


def _quoted() -> Iterator[Quoted]:
    for setting, lines in _content()["quoted"].items():
        for method, printed_so in lines.items():
            for papers, scores in printed_so.items():
                yield Quoted(setting, method, papers, tuple(scores.split()))


def _in_words(scores: tuple[str, ...] | list[str]) -> str:
    return "  ".join(f"{name} {score}" for name, score in zip(SCORES, scores, strict=True) if score != MISSING)


@lru_cache(maxsize=1)
def _content() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "published.toml").read_text(encoding="utf-8"))
