"""A folder of synthetic people in SYSU-MM01's layout."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from rgbir.index.progress import Progress, silent
from rgbir.index.synthetic.drawing1.cameras import CAMERAS, picture
from rgbir.index.synthetic.drawing1.people import person
from rgbir.index.synthetic.folder import (
    TRIALS,
    Split,
    check_images,
    each_person,
    empty_folder,
    jpeg,
    write_lists,
    write_permutations,
)


def synthesize(
    root: Path,
    split: Split,
    images: int = 10,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress = silent,
) -> int:
    """Draws the people and writes images, id lists and the permutation file; returns the number of images.

    The same arguments give the same bytes, whatever the number of workers. Each person is seen by all six cameras.

    Args:
        root: a folder that doesn't exist yet, or is empty.
        split: identities in train, val and test.
        images: pictures of each person by each camera.
        seed: another seed, other people in other places.
        workers: processes; as many as there are processors if None.
        progress: called with the number of images each finished person adds.

    Raises:
        UsageError: the folder holds something already.
    """
    new_folder(root, seed, "SYSU-MM01", images)
    (root / "exp").mkdir()
    write_lists(root / "exp", split.numbers())
    rng = np.random.default_rng([seed, 0, 1])
    tables = [
        [
            np.stack([rng.permutation(images) + 1 for _ in range(TRIALS)]).astype(np.uint8)
            for _ in range(split.identities)
        ]
        for _ in CAMERAS
    ]
    write_permutations(root / "exp" / "rand_perm_cam.mat", tables)
    people = range(1, split.identities + 1)
    return each_person(partial(_write_person, root, images=images, seed=seed), people, workers, progress)


def new_folder(root: Path, seed: int, layout: str, images: int) -> None:
    """Makes the folder and says in it what it is.

    Raises:
        UsageError: it holds something already, or images aren't 1 to 99.
    """
    check_images(images)
    empty_folder(root)
    (root / "README.txt").write_text(
        f"Synthetic people drawn by rgbir (seed {seed}) in the layout of {layout}. No real person is shown;\n"
        "numbers measured on them say nothing about real data.\n"
    )


def _write_person(root: Path, identity: int, images: int, seed: int) -> int:
    who = person(seed, identity)
    for camera in CAMERAS:
        folder = root / f"cam{camera.number}" / f"{identity:04d}"
        folder.mkdir(parents=True)
        for number in range(1, images + 1):
            rng = np.random.default_rng([seed, identity, camera.number, number])
            (folder / f"{number:04d}.jpg").write_bytes(jpeg(picture(who, camera, rng, seed)))
    return len(CAMERAS) * images
