"""The rows that are trained on synthetic people, as `synth.toml` has them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from rgbir.index import UsageError
from rgbir.training.methods import entry, none_such
from rgbir.training.recipe import AnyRecipe, flat

FILE = Path(__file__).with_name("synth.toml")


@dataclass(frozen=True, slots=True)
class Change:
    """What is changed of several methods' recipes alike.

    Attributes:
        of: the methods.
        settings: by dotted name.
        why: in words.
    """

    of: tuple[str, ...]
    settings: Mapping[str, Any]
    why: str


@dataclass(frozen=True, slots=True)
class SynthRow:
    """A recipe that is trained from several seeds.

    Attributes:
        label: its name here, such as `expat.at`.
        method: whose it is.
        row: of that method's tables; None for the method as it is.
        words: what it is.
        cost: milliseconds of one thread for each image shown, forwards and backwards.
        against: the label of the row that it is compared with; empty of a first one.
        claim: what is said of the two.
        settings: its own changes.
    """

    label: str
    method: str
    row: str | None
    words: str
    cost: float
    against: str = ""
    claim: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def variant(self) -> str:
        """The method's first."""
        return next(iter(entry(self.method).variants))

    @property
    def recipe(self) -> AnyRecipe:
        """With everything but the budget and the seed.

        Raises:
            BadRecipe: no such row or setting, or a value that doesn't fit.
        """
        chosen = entry(self.method)
        recipe = chosen.resolve(self.variant, self.row)
        known = dict(flat(recipe.model_dump(mode="json")))
        fixed = chosen.rows[self.row] if self.row else {}
        common = {
            name: value
            for change in changes()
            if self.method in change.of
            for name, value in change.settings.items()
            if name in known and name not in fixed
        }
        return recipe.changed({**common, **self.settings})


@cache
def _content() -> Mapping[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def changes() -> list[Change]:
    """What is changed of the methods' own recipes."""
    return [Change(tuple(change["of"]), change["set"], change["why"]) for change in _content()["change"]]


def rows() -> list[SynthRow]:
    """All rows, from cheap to dear; as the file has them where they cost the same."""
    return sorted(_rows(), key=lambda row: row.cost)


def _rows() -> Iterator[SynthRow]:
    for given in _content()["row"]:
        more = {name: given[name] for name in ("against", "claim") if name in given}
        settings = given.get("set", {})
        yield SynthRow(
            given["label"], given["method"], given.get("row"), given["words"], given["cost"], settings=settings, **more
        )


def chosen(names: Sequence[str]) -> list[SynthRow]:
    """Rows of these labels or methods, from cheap to dear; all if there are no names.

    Raises:
        UsageError: no row and no method is called so.
    """
    known = rows()
    labels = {row.label for row in known} | {row.method for row in known}
    for name in names:
        if name not in labels:
            raise UsageError(none_such("row or method", name, [row.label for row in known]))
    return [row for row in known if not names or row.label in names or row.method in names]
