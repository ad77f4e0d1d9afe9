"""Who is dressed like others: what a drawing knows of its people, or what somebody wrote down of their own."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from rgbir.index.datasets.text import opened, read_text
from rgbir.index.errors import BadDataset, UsageError
from rgbir.index.synthetic.drawing2.lookalikes import group
from rgbir.index.synthetic.drawing2.world import World, knobs

KINDS = {
    "uniform": "wears a uniform that three others wear",
    "colours": "dressed in others' colours",
    "infrared": "looks like another in infrared",
    "alone": "dressed like nobody else",
}
"""What the groups of drawing 2 are called."""
ALIKE, ALONE = "dressed like others of a group", "in no group"
Alike = Callable[[int], str]
"""Says of a person, by number, in which slice he or she is."""


def drawn(root: Path) -> Alike | None:
    """What every person of drawing 2 wears, by number; None where the folder says no such drawing.

    Raises:
        BadDataset: `exp/drawing.json` isn't as `rgbir synthesize` writes it.
    """
    file = (root if root.is_dir() else root.parent) / "exp" / "drawing.json"
    if not file.is_file():
        return None
    try:
        about = json.loads(read_text(file))
        if about.get("drawing") != 2:
            return None
        world = World(int(about["seed"]), knobs(list(about["without"])))
    except (ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        raise BadDataset(f"{file} is not what rgbir synthesize writes; draw the people again") from error
    return lambda person: KINDS[group(world, person)]


def written(file: Path) -> Alike:
    """Whether a person is in a group of several by a table; whom it doesn't name is in none.

    Args:
        file: CSV with columns identity and group; people of one group are dressed alike.

    Raises:
        BadDataset: no such table, or an identity twice or that is no whole number.
    """
    groups: dict[int, str] = {}
    try:
        with opened(file, newline="") as lines:
            rows = csv.DictReader(lines, strict=True)
            if sorted(rows.fieldnames or ()) != ["group", "identity"]:
                raise BadDataset(f"{file}: expected the columns identity and group, not {rows.fieldnames}")
            for row in rows:
                cell = (row["identity"] or "").strip()
                if not (cell.isascii() and cell.isdecimal()) or int(cell) in groups:
                    raise BadDataset(
                        f"{file} line {rows.line_num}: identity {cell!r} is no whole number, or came before"
                    )
                groups[int(cell)] = (row["group"] or "").strip()
    except csv.Error as error:
        raise BadDataset(f"{file}: not a CSV table: {error}") from error
    return grouped(groups)


def grouped(groups: Mapping[int, str]) -> Alike:
    """By each person's group, empty for none: whether somebody else is in it."""
    sizes = Counter(groups.values())
    return lambda person: ALIKE if (name := groups.get(person)) and sizes[name] > 1 else ALONE
