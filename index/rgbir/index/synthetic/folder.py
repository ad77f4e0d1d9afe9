"""A folder of synthetic people, whoever draws them: its lists, its permutation file, and the work by person."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index.errors import UsageError
from rgbir.index.progress import Progress
from rgbir.index.synthetic.processes import each

TRIALS = 10


@dataclass(frozen=True, slots=True)
class Split:
    """How many identities each list gets, in the order train, val, test.

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

    def numbers(self, block: int = 1) -> dict[str, range]:
        """The numbers of each list's people; a list begins after a multiple of `block`."""
        first, lists = 1, {}
        for name, count in (("train", self.train), ("val", self.val), ("test", self.test)):
            lists[name] = range(first, first + count)
            first += -(-count // block) * block
        return lists


def empty_folder(root: Path) -> None:
    """Makes the folder, if it isn't there.

    Raises:
        UsageError: it holds something already.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UsageError(f"{root} is not empty; give a new folder, or remove it first")
    root.mkdir(parents=True, exist_ok=True)


def check_images(images: int) -> None:
    """
    Raises:
        UsageError: not 1 to 99 pictures of a person by a camera.
    """
    if not 1 <= images <= 99:
        raise UsageError(f"images must be between 1 and 99 a camera, not {images}")


def each_person(paint: Callable[[int], int], people: Iterable[int], workers: int | None, progress: Progress) -> int:
    """Paints the people of these numbers, on several processes unless `workers` is 1; returns how many images."""
    total = 0
    for count in each(paint, people, workers):
        total += count
        progress(count)
    return total


def write_lists(folder: Path, lists: dict[str, range]) -> None:
    """`train_id.txt` and so on, and `available_id.txt` with everybody."""
    everybody = [number for numbers in lists.values() for number in numbers]
    for name, people in (*lists.items(), ("available", everybody)):
        (folder / f"{name}_id.txt").write_text(",".join(map(str, people)) + "\n")


def write_permutations(file: Path, tables: list[list[NDArray[np.uint8]]]) -> None:
    """What SYSU-MM01's authors publish: by camera and identity, from 1 on, `TRIALS` permutations of 1..images.

    Args:
        tables: of each camera, of each identity, uint8 (10, images), one (10, 0) where nothing was taken.
    """
    from scipy.io import savemat

    cameras = np.empty((len(tables), 1), object)
    for camera, people in enumerate(tables):
        table = np.empty((len(people), 1), object)
        for identity, drawn in enumerate(people):
            table[identity, 0] = drawn
        cameras[camera, 0] = table
    savemat(file, {"rand_perm_cam": cameras}, do_compression=True)
    with file.open("r+b") as written:  # the file's free text holds the time of day; ours is the same every day
        written.write(b"MATLAB 5.0 MAT-file, synthetic people of rgbir".ljust(116))


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    """The picture as JPEG, of Pillow's usual subsampling."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
