"""`rgbir methods`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.table import Table

from rgbir.index.cli.output import Answer


@dataclass(frozen=True, slots=True)
class OneMethod:
    """A method.

    Attributes:
        name, idea, paper: what `rgbir train` calls it, the method in a line, and its reference.
        variants: changes to the settings, by the variant's name.
        settings: of the first variant, by dotted name; null in the list of all.
        rows: changes to the settings, by the name of a row of the paper's tables; null in the list of all.
        printed: what the paper prints of a row, in percent, by its name; null in the list of all.
        published, quoted: what else the paper prints, and what it quotes of others, in percent; null in the list of all.
    """

    name: str
    idea: str
    paper: str
    variants: dict[str, dict[str, Any]]
    settings: dict[str, Any] | None = None
    rows: dict[str, dict[str, Any]] | None = None
    printed: dict[str, str] | None = None
    published: list[str] | None = None
    quoted: list[str] | None = None


def methods(
    name: Annotated[str | None, typer.Argument(help="Show this one in full.")] = None,
) -> Answer[list[OneMethod]]:
    """The methods, their variants and switches, the tables' rows, and published numbers.

    Examples:
        rgbir methods
        rgbir methods expat --json
    """
    from rgbir.training.methods import METHODS, entry, published_rows
    from rgbir.training.methods.published import quoted_by
    from rgbir.training.recipe import flat

    if name is None:
        table = Table("method", "idea", "variants", "paper")
        everything = []
        for key, listed in METHODS.items():
            table.add_row(key, listed.idea, ", ".join(listed.variants), listed.paper)
            everything.append(OneMethod(key, listed.idea, listed.paper, _plain(listed.variants)))
        return Answer(everything, [table])
    chosen = entry(name)
    settings = dict(flat(chosen.recipe.model_dump(mode="json")))
    printed = {row: str(numbers) for row, numbers in published_rows().get(name, {}).items()}
    quoted = list(quoted_by(name))
    lines = [f"{name}: {chosen.idea}", chosen.paper, "", "variants"]
    for variant, changes in chosen.variants.items():
        lines.append(f"  {variant}: {_changes(changes) if changes else 'the settings below'}")
    lines += ["", f"settings of variant {next(iter(chosen.variants))} (change them with --set name=value)"]
    lines += [f"  {setting} = {value}" for setting, value in settings.items()]
    lines += ["", "rows of the papers' tables (--row), and what they print for them, in percent; not ours"]
    for row, changes in chosen.rows.items():
        lines.append(f"  {row}: {_changes(changes) if changes else 'as the variant'}")
        if row in printed:
            lines.append(f"      published: {printed[row]}")
    lines += ["", "published numbers, in percent; not ours", *(f"  {line}" for line in chosen.published or ["none"])]
    if quoted:
        lines += ["", "what the paper quotes of others, in percent; not ours", *(f"  {line}" for line in quoted)]
    rows, published = _plain(chosen.rows), list(chosen.published)
    content = OneMethod(
        name, chosen.idea, chosen.paper, _plain(chosen.variants), settings, rows, printed, published, quoted
    )
    return Answer([content], lines)


def _plain(changes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: dict(values) for name, values in changes.items()}


def _changes(changes: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in changes.items())
