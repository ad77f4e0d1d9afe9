"""Every system that a table of the five papers names: the row or the hand-made system that it is here, or why it is only quoted."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from rgbir.training.handmade.recipe import RECONSTRUCTED, SYSTEMS
from rgbir.training.methods import METHODS
from rgbir.training.methods.published import quoted, stands_for


@dataclass(frozen=True, slots=True)
class Named:
    """A system.

    Attributes:
        name: as the papers' tables have it.
        command: what makes it here, without its data; empty if it is only quoted.
        reason: why it is only quoted, or what is to be known of ours.
    """

    name: str
    command: str
    reason: str


def systems() -> tuple[Named, ...]:
    """All of them: first those that are quoted, in the tables' order, then those of the papers' own rows."""
    names = dict.fromkeys([*(line.method for line in quoted()), *_content()["rows"]])
    return tuple(map(_named, names))


def _named(name: str) -> Named:
    content = _content()
    remark = content["remarks"].get(name, "")
    row = next(_standing_for(name), content["rows"].get(name))
    if row is not None:
        return Named(name, f"rgbir train {row.replace(' ', ' --row ')}", remark)
    handmade = content["handmade"].get(name) or name.lower().replace(" + ", "+")
    if handmade in SYSTEMS:
        reconstructed = SYSTEMS[handmade].metric in RECONSTRUCTED
        return Named(name, f"rgbir export handmade {handmade}", "a reconstruction" if reconstructed else remark)
    return Named(name, "", content["quoted"][name])


def only_quoted() -> tuple[str, ...]:
    """The systems that have a reason why they are only quoted."""
    return tuple(_content()["quoted"])


def _standing_for(name: str) -> Iterator[str]:
    """The methods and rows that stand for a quoted system."""
    return (
        f"{method} {row}" for method, entry in METHODS.items() for row in entry.rows if stands_for(method, row) == name
    )


@lru_cache(maxsize=1)
def _content() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "systems.toml").read_text(encoding="utf-8"))
