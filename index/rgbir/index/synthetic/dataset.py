"""A folder of synthetic people in SYSU-MM01's layout."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from rgbir.index.errors import UsageError
from rgbir.index.progress import Progress, silent
from rgbir.index.synthetic.cameras import CAMERAS, jpeg, picture
from rgbir.index.synthetic.people import person

TRIALS = 10


@dataclass(frozen=True, slots=True)
class Split:
    """How many identities each list gets; the numbers run through train, then val, then test.

    Attributes:
        train: in the train list.
        val: in the val list.
        test: in the test list.

    Raises:
        UsageError: fewer than none in a list, or not 1 to 9,999 in all.
    """

    train: int
    val: int
    test: int

    def __post_init__(self) -> None:
        if min(self.train, self.val, self.test) < 0 or not 0 < self.identities < 10_000:
            raise UsageError(f"a split needs between 1 and 9,999 identities in parts of 0 or more, not {self}")

    @property
    def identities(self) -> int:
        return self.train + self.val + self.test

    @classmethod
    def of(cls, identities: int) -> Split:
        """In SYSU-MM01's proportions: three fifths train, a fifth val, a fifth test."""
        train, val = round(identities * 0.6), round(identities * 0.2)
        return cls(train, val, identities - train - val)


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
    _write_lists(root / "exp", split)
    _write_permutations(root / "exp" / "rand_perm_cam.mat", split.identities, images, seed)
    each_person(partial(_write_person, root, images=images, seed=seed), split.identities, workers, progress)
    return split.identities * len(CAMERAS) * images


def new_folder(root: Path, seed: int, layout: str, images: int) -> None:
    """Makes the folder and says in it what it is.

    Raises:
        UsageError: it holds something already, or images aren't 1 to 99.
    """
    if not 1 <= images <= 99:
        raise UsageError(f"images must be between 1 and 99 a camera, not {images}")
    empty_folder(root)
    (root / "README.txt").write_text(
        f"Synthetic people drawn by rgbir (seed {seed}) in the layout of {layout}. No real person is shown;\n"
        "numbers measured on them say nothing about real data.\n"
    )


def empty_folder(root: Path) -> None:
    """Makes the folder, if it isn't there.

    Raises:
        UsageError: it holds something already.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UsageError(f"{root} is not empty; give a new folder, or remove it first")
    root.mkdir(parents=True, exist_ok=True)


def each_person(paint: Callable[[int], int], identities: int, workers: int | None, progress: Progress) -> None:
    """Paints people 1 to `identities`, on several processes unless `workers` is 1."""
    people = range(1, identities + 1)
    if workers == 1:
        for count in map(paint, people):
            progress(count)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for count in pool.imap_unordered(paint, people):
            progress(count)


def _write_person(root: Path, identity: int, images: int, seed: int) -> int:
    who = person(seed, identity)
    for camera in CAMERAS:
        folder = root / f"cam{camera.number}" / f"{identity:04d}"
        folder.mkdir(parents=True)
        for number in range(1, images + 1):
            rng = np.random.default_rng([seed, identity, camera.number, number])
            (folder / f"{number:04d}.jpg").write_bytes(jpeg(picture(who, camera, rng, seed)))
    return len(CAMERAS) * images


def _write_lists(folder: Path, split: Split) -> None:
    first = 1
    for name, count in (("train", split.train), ("val", split.val), ("test", split.test)):
        numbers = range(first, first + count)
        first += count
        (folder / f"{name}_id.txt").write_text(",".join(map(str, numbers)) + "\n")
    (folder / "available_id.txt").write_text(",".join(map(str, range(1, first))) + "\n")


def _write_permutations(file: Path, identities: int, images: int, seed: int) -> None:
    """What SYSU-MM01's authors publish: for each camera and identity, TRIALS permutations of 1..images."""
    from scipy.io import savemat

    rng = np.random.default_rng([seed, 0, 1])
    cameras = np.empty((len(CAMERAS), 1), object)
    for camera in range(len(CAMERAS)):
        table = np.empty((identities, 1), object)
        for identity in range(identities):
            table[identity, 0] = np.stack([rng.permutation(images) + 1 for _ in range(TRIALS)]).astype(np.uint8)
        cameras[camera, 0] = table
    savemat(file, {"rand_perm_cam": cameras}, do_compression=True)
    with file.open("r+b") as written:  # the file's free text holds the time of day; ours is the same every day
        written.write(b"MATLAB 5.0 MAT-file, synthetic people of rgbir".ljust(116))
