"""The synthetic people that are trained on and measured: drawn here, or checked if they were drawn before."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rgbir.export.reproduce.drawn import drawn_once
from rgbir.index import SysuMM01, UsageError, why
from rgbir.index.synthetic.drawing2.about import name_of
from rgbir.index.synthetic.drawing2.frozen import SHEETS
from rgbir.index.synthetic.drawing2.sysu import SIZES, write_sysu
from rgbir.index.synthetic.drawing2.world import World


@dataclass(frozen=True, slots=True)
class Drawing:
    """Which people they are.

    Attributes:
        name: such as `synthetic-people v2/small`.
        seed: of the world.
        sheet: the hash of the drawing.
    """

    name: str
    seed: int
    sheet: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def drawing(size: str) -> Drawing:
    """What this version draws of that size, from seed 0."""
    return Drawing(name_of(World(), size), 0, SHEETS["sysu"])


def people(size: str, folder: Path) -> SysuMM01:
    """The people of that size, drawn into the folder if it isn't there; a process that comes meanwhile waits.

    Raises:
        UsageError: the folder holds something else, or people of another drawing.
        CantWrite: the disk is full, or closed to us.
    """
    split, images = SIZES[size].split, SIZES[size].images
    drawn_once(
        folder,
        split.identities * 6 * images,
        lambda into, advance: write_sysu(into, World(), split, images, size, progress=advance),
    )
    expect(size, folder)
    return SysuMM01(folder)


def expect(size: str, folder: Path) -> None:
    """
    Raises:
        UsageError: the folder holds something else than the people of that size as this version draws them.
    """
    wanted, file = drawing(size), folder / "exp" / "drawing.json"
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        drawn = Drawing(about["name"], about["seed"], about["sheet"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{file} can't be read ({why(error)}); expected a folder of rgbir synthesize --size {size}"
        ) from error
    for what, was, should in (
        ("drawing", drawn.name, wanted.name),
        ("seed", drawn.seed, wanted.seed),
        ("sheet", drawn.sheet[:12], wanted.sheet[:12]),
    ):
        if was != should:
            raise UsageError(
                f"{folder} has {what} {was}, and methods are compared on {what} {should}; draw them with"
                f" rgbir synthesize FOLDER --size {size}, or leave --data out"
            )
