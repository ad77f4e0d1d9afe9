"""The methods by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rgbir.training.errors import BadRecipe
from rgbir.training.method import Method
from rgbir.training.methods import base_derivative, dfe, expat, lccrf
from rgbir.training.recipe import AnyRecipe


@dataclass(frozen=True, slots=True)
class Entry:
    """A method as `rgbir methods` lists it. `variants` and `rows` are changes to the recipe."""

    build: Callable[[Any, int], Method]
    recipe: AnyRecipe
    paper: str
    idea: str
    variants: Mapping[str, Mapping[str, Any]]
    rows: Mapping[str, Mapping[str, Any]]
    published: tuple[str, ...]

    def resolve(self, variant: str = "paper", row: str | None = None) -> AnyRecipe:
        """The recipe of a variant, and of a row of one of the paper's tables.

        Raises:
            BadRecipe: no such variant or row.
        """
        changes: dict[str, Any] = {}
        for kind, name, known in (("variant", variant, self.variants), ("row", row, self.rows)):
            if name is None:
                continue
            if name not in known:
                raise BadRecipe(f"no {kind} {name!r}; there are {', '.join(known)}")
            changes |= known[name]
        return self.recipe.changed(changes)


METHODS: dict[str, Entry] = {
    "base_derivative": Entry(
        base_derivative.BaseDerivative,
        base_derivative.BaseDerivativeRecipe(),
        base_derivative.PAPER,
        base_derivative.IDEA,
        base_derivative.VARIANTS,
        base_derivative.ROWS,
        base_derivative.PUBLISHED,
    ),
    "dfe": Entry(dfe.DFE, dfe.DFERecipe(), dfe.PAPER, dfe.IDEA, dfe.VARIANTS, dfe.ROWS, dfe.PUBLISHED),
    "expat": Entry(
        expat.ExpAT, expat.ExpATRecipe(), expat.PAPER, expat.IDEA, expat.VARIANTS, expat.ROWS, expat.PUBLISHED
    ),
    "lccrf": Entry(
        lccrf.LCCRF, lccrf.LCCRFRecipe(), lccrf.PAPER, lccrf.IDEA, lccrf.VARIANTS, lccrf.ROWS, lccrf.PUBLISHED
    ),
}


def entry(name: str) -> Entry:
    if name not in METHODS:
        raise BadRecipe(f"no method {name!r}; there are {', '.join(METHODS)}")
    return METHODS[name]
