"""What a drawn folder says of itself."""

from __future__ import annotations

import json
from pathlib import Path

from rgbir.index.synthetic.drawing2.frozen import SHEETS
from rgbir.index.synthetic.drawing2.world import World
from rgbir.index.synthetic.folder import check_images, empty_folder


def name_of(world: World, size: str) -> str:
    """What such a set is called: with something switched off it is never called v2."""
    version = "-".join(["v2", *sorted(world.without)])
    return f"synthetic-people {version}/{size}"


def write_about(root: Path, world: World, size: str, layout: str, images: int, like: str) -> None:
    """Makes the folder, says in `README.txt` what it is, and in `exp/drawing.json` for programs.

    Args:
        layout: of the sheet.
        like: whose layout it is, as papers write it.

    Raises:
        UsageError: the folder holds something already, or images aren't 1 to 99.
    """
    check_images(images)
    empty_folder(root)
    name = name_of(world, size)
    (root / "README.txt").write_text(
        f"{name}: synthetic people drawn by rgbir (drawing 2, seed {world.seed}) in the layout of {like}.\n"
        f"The hash of the drawing's sheet is {SHEETS[layout]}.\n"
        "No real person is shown; numbers measured on them say nothing about real data.\n"
    )
    (root / "exp").mkdir()
    about = {"name": name, "drawing": 2, "seed": world.seed, "size": size}
    about |= {"without": sorted(world.without), "sheet": SHEETS[layout]}
    (root / "exp" / "drawing.json").write_text(json.dumps(about, indent=1) + "\n")
