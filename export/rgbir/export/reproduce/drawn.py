"""Synthetic people of either drawing, drawn into a folder once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from rgbir.index import SysuMM01, changing, writing_to
from rgbir.index.cli.options import progress
from rgbir.index.progress import Progress
from rgbir.index.synthetic import Split, synthesize
from rgbir.index.synthetic.drawing2.sysu import write_sysu
from rgbir.index.synthetic.drawing2.world import World


def drawn_once(folder: Path, images: int, draw: Callable[[Path, Progress], object]) -> None:
    """Draws into a folder that isn't there yet. A process that comes meanwhile waits; a stop leaves no unfinished folder.

    Args:
        folder: which.
        images: how many pictures there will be at most.
        draw: draws into the folder that it is given, and tells of pictures done.

    Raises:
        CantWrite: the disk is full, or closed to us.
    """
    with writing_to(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with changing(folder.parent):
        if folder.exists():
            return
        unfinished = folder.with_name(f".{folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        with progress(f"drawing {folder.name}", images) as advance, writing_to(folder):
            draw(unfinished, advance)
            unfinished.rename(folder)


def people_of(drawing: int, split: Split, images: int, seed: int, folder: Path) -> SysuMM01:
    """The people in that folder; if it isn't there, they are drawn first.

    Args:
        drawing: 1 or 2.
        split: how many there are.
        images: pictures of each by each camera.
        seed: another seed, other people.
        folder: which.

    Raises:
        CantWrite: the disk is full, or closed to us.
    """

    def draw(into: Path, advance: Progress) -> None:
        if drawing == 1:
            synthesize(into, split, images, seed, progress=advance)
        else:
            write_sysu(into, World(seed), split, images, progress=advance)

    drawn_once(folder, split.identities * 6 * images, draw)
    return SysuMM01(folder)
