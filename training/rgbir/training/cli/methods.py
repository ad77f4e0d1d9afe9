"""`rgbir methods`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    pass


def methods(name: Annotated[str | None, typer.Argument(help="Show this one in full.")] = None) -> None:
    """The methods, their variants and switches, the tables' rows, and published numbers."""
    from rgbir.training.methods import METHODS, entry, published_rows
    from rgbir.training.methods.published import quoted_by
    from rgbir.training.recipe import flat

    if name is None:
        table = Table("method", "idea", "variants", "paper")
        for key, listed in METHODS.items():
            table.add_row(key, listed.idea, ", ".join(listed.variants), listed.paper)
        Console().print(table)
        return
    chosen = entry(name)
    print(f"{name}: {chosen.idea}\n{chosen.paper}\n\nvariants")
    for variant, changes in chosen.variants.items():
        print(f"  {variant}: {_changes(changes) if changes else 'the settings below'}")
    print(f"\nsettings of variant {next(iter(chosen.variants))} (change them with --set name=value)")
    for setting, value in flat(chosen.recipe.model_dump(mode="json")):
        print(f"  {setting} = {value}")
    print("\nrows of the papers' tables (--row), and what they print for them, in percent; not ours")
    printed = published_rows().get(name, {})
    for row, changes in chosen.rows.items():
        print(f"  {row}: {_changes(changes) if changes else 'as the variant'}")
        if row in printed:
            print(f"      published: {printed[row]}")
    print("\npublished numbers, in percent; not ours")
    for line in chosen.published:
        print(f"  {line}")
    if quoted := quoted_by(name):
        print("\nwhat the paper quotes of others, in percent; not ours")
        for line in quoted:
            print(f"  {line}")


def _changes(changes: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in changes.items())
