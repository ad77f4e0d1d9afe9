"""What the papers print, from `published.toml`: of their own rows, and of others' methods. Nothing of it was measured here.

By which protocol their numbers were measured is in `protocols.toml`.
"""

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

ON = {
    **dict.fromkeys(("all-single", "all-multi", "indoor-single", "indoor-multi"), "SYSU-MM01"),
    **dict.fromkeys(("thermal-to-visible", "visible-to-thermal"), "RegDB"),
    **{name: name for name in ("Market-1501", "CUHK03", "DukeMTMC-reID")},
}
"""The data set of each setting."""

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


@dataclass(frozen=True, slots=True)
class Printing:
    """The numbers that are printed of a row in a setting.

    Attributes:
        setting: a key of `SETTINGS`.
        papers: who print them, as the methods are named here; empty where it is the row's own paper.
        scores: R1, R10, R20 and mAP in percent, digit by digit; `-` where none is printed.
    """

    setting: str
    papers: str
    scores: tuple[str, ...]


def printings(method: str, row: str) -> tuple[Printing, ...]:
    """What is printed of a row, in the order of `SETTINGS`: by its own paper, or by those that quote it."""
    cells = _cells(method, row)
    of_its_paper = [Printing(setting, "", tuple(cells[setting].split())) for setting in SETTINGS if setting in cells]
    quotes = [
        Printing(line.setting, line.papers, line.scores) for line in quoted() if line.method == cells.get("quoted")
    ]
    order = list(SETTINGS)
    return tuple(sorted((*of_its_paper, *quotes), key=lambda printing: order.index(printing.setting)))


def remark_of(method: str, row: str) -> str:
    """Why a row's numbers are missing, or what is to be known of them; nothing if there is nothing to say."""
    return str(_cells(method, row).get("why", ""))


def stands_for(method: str, row: str) -> str:
    """The quoted system that a row is; empty if it is its own paper's."""
    return str(_cells(method, row).get("quoted", ""))


@dataclass(frozen=True, slots=True)
class MeasuredBy:
    """How the printed numbers of a setting were measured.

    Attributes:
        protocol: its name; None where nobody says, and the data set's own has to do.
        page: of the documents, where that is said.
    """

    protocol: str | None
    page: str


def measured_by(method: str, setting: str) -> MeasuredBy:
    """By which protocol a method's numbers were measured in a setting of `SETTINGS`."""
    protocols = _protocols().get(method, {})
    return MeasuredBy(protocols.get(setting) or protocols.get(ON[setting]), protocols.get("page", ""))


def printed(method: str, row: str) -> str:
    """What its paper prints of a row, or why it prints nothing; nothing at all where `published.toml` doesn't say."""
    cells = _cells(method, row)
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


def _cells(method: str, row: str) -> dict[str, Any]:
    """What the file says of a row, or of its whole table."""
    rows = _content().get(method, {})
    cells: dict[str, Any] = rows.get(row) or rows.get(row.partition(".")[0], {})
    return cells


@lru_cache(maxsize=1)
def _content() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "published.toml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _protocols() -> dict[str, dict[str, str]]:
    return tomllib.loads((Path(__file__).parent / "protocols.toml").read_text(encoding="utf-8"))
