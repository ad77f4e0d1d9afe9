"""A folder of drawing 2's people in SYSU-MM01's layout."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import UsageError
from rgbir.index.progress import Progress, silent
from rgbir.index.synthetic.drawing2.about import write_about
from rgbir.index.synthetic.drawing2.cameras import SYSU
from rgbir.index.synthetic.drawing2.coding import jpeg
from rgbir.index.synthetic.drawing2.picture import moments, picture, quality
from rgbir.index.synthetic.drawing2.streams import Key, shuffled
from rgbir.index.synthetic.drawing2.world import BLOCK, World
from rgbir.index.synthetic.folder import (
    TRIALS,
    Split,
    each_person,
    write_lists,
    write_permutations,
)

POOLS = {"train": 0, "val": 1, "test": 2}
"""Whose strangers pass, by list; nobody passes through the pictures of two lists."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is drawn.

    Attributes:
        split: people of the lists.
        images: pictures of each person by each camera.
    """

    split: Split
    images: int


SIZES: dict[str, Size] = {
    "tiny": Size(Split(20, 0, 20), 2),
    "small": Size(Split(420, 60, 60), 3),
    "full": Size(Split(1000, 100, 200), 10),
}


def absent(world: World, person: int) -> frozenset[int]:
    """The numbers of SYSU-MM01's cameras that never saw the person; each modality saw everybody."""
    stream = Key(world.seed, person).stream("absent")
    gone = {1, 2} if stream.yes(0.35) else set()
    gone |= {camera for camera in (3, 4, 5, 6) if stream.yes(0.02)}
    for cameras in ((1, 2, 4, 5), (3, 6)):
        if gone >= set(cameras):
            gone -= set(cameras)
    return frozenset(gone)


def write_sysu(
    root: Path,
    world: World,
    split: Split,
    images: int,
    size: str = "other",
    workers: int | None = None,
    progress: Progress = silent,
    lists: tuple[str, ...] = tuple(POOLS),
) -> int:
    """Draws the people and writes images, id lists and the permutation file; returns the number of images.

    The numbers of a list's people begin after a multiple of 20, so look-alikes stay in one list and a list that isn't a
    multiple of 20 leaves numbers out.

    Args:
        root: a folder that doesn't exist yet, or is empty.
        world: what is drawn.
        split: people of the lists.
        images: pictures of each person by each camera that saw them.
        size: how the set calls its size.
        workers: processes; as many as there are processors if None.
        progress: called with the number of images each finished person adds.
        lists: whose pictures are drawn; the others are listed only.

    Raises:
        UsageError: the folder holds something already, or the numbers don't go into four digits.
    """
    numbers = split.numbers(BLOCK)
    last = max(people[-1] for people in numbers.values() if people)
    if last > 9999:
        raise UsageError(f"people have numbers of four digits, and these lists would need {last}; draw fewer")
    write_about(root, world, size, "sysu", images, "SYSU-MM01")
    write_lists(root / "exp", numbers)
    tables = [
        [_permutations(world, camera.number, person, images, numbers) for person in range(1, last + 1)]
        for camera in SYSU
    ]
    write_permutations(root / "exp" / "rand_perm_cam.mat", tables)
    for camera in SYSU:
        (root / f"cam{camera.number}").mkdir()
    pools = {person: POOLS[name] for name, people in numbers.items() if name in lists for person in people}
    return each_person(partial(_write_person, root, world, images, pools), pools, workers, progress)


def _write_person(root: Path, world: World, images: int, pools: dict[int, int], person: int) -> int:
    gone, count = absent(world, person), 0
    for camera in SYSU:
        if camera.number in gone:
            continue
        folder = root / f"cam{camera.number}" / f"{person:04d}"
        folder.mkdir()
        key = Key(world.seed, person, camera.number)
        for number, (walk, frame) in enumerate(moments(key, images), start=1):
            of_walk = key._replace(walk=walk)
            image = picture(world, camera, of_walk, frame, pools[person])
            (folder / f"{number:04d}.jpg").write_bytes(jpeg(image, quality(world, of_walk, frame)))
            count += 1
    return count


def _permutations(world: World, camera: int, person: int, images: int, numbers: dict[str, range]) -> NDArray[np.uint8]:
    """(TRIALS, images), or (TRIALS, 0) of who isn't listed or was never seen there."""
    listed = any(person in people for people in numbers.values())
    if not listed or camera in absent(world, person):
        return np.zeros((TRIALS, 0), np.uint8)
    stream = Key(world.seed, person, camera).stream("permutations")
    return np.array([shuffled(stream, range(1, images + 1)) for _ in range(TRIALS)], np.uint8)
