"""Synthetic people of either drawing, drawn into a folder once."""

from __future__ import annotations

import shutil
from pathlib import Path

from rgbir.index import SysuMM01, writing_to
from rgbir.index.cli.options import progress
from rgbir.index.synthetic import Split, synthesize
from rgbir.index.synthetic.drawing2.sysu import write_sysu
from rgbir.index.synthetic.drawing2.world import World


def people_of(drawing: int, split: Split, images: int, seed: int, folder: Path) -> SysuMM01:
    """The people in that folder; if it isn't there, they are drawn first.

    Args:
        drawing: 1 or 2.
        split: how many there are.
        images: pictures of each by each camera.
        seed: another seed, other people.
        folder: a stop leaves it away rather than unfinished.

    Raises:
        CantWrite: the disk is full, or closed to us.
    """
    if not folder.exists():
        unfinished = folder.with_name(f".{folder.name}.unfinished")
        with progress(f"drawing {folder.name}", split.identities * 6 * images) as advance, writing_to(folder):
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.parent.mkdir(parents=True, exist_ok=True)
            if drawing == 1:
                synthesize(unfinished, split, images, seed, progress=advance)
            else:
                write_sysu(unfinished, World(seed), split, images, progress=advance)
            unfinished.rename(folder)
    return SysuMM01(folder)
