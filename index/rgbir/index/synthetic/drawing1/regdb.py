"""A folder of synthetic people in RegDB's layout."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from rgbir.index.errors import UsageError
from rgbir.index.progress import Progress, silent
from rgbir.index.synthetic.drawing1.cameras import CAMERAS, picture
from rgbir.index.synthetic.drawing1.dataset import new_folder
from rgbir.index.synthetic.drawing1.people import person
from rgbir.index.synthetic.folder import each_person

VIEWS = (("Visible", "v", 1), ("Thermal", "t", 6))
"""Folder, letter in a file's name, and the camera that draws: infrared stands in for thermal."""
SPLITS = range(1, 11)


def synthesize_regdb(
    root: Path,
    identities: int,
    images: int = 10,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress = silent,
) -> int:
    """Draws the people and writes images and ten splits into halves; returns the number of images.

    The same arguments give the same bytes. The split's halves are drawn by the seed.

    Args:
        root: a folder that doesn't exist yet, or is empty.
        identities: an even number of people, two or more.
        images: pictures of each person by each of the two cameras.

    Raises:
        UsageError: the folder holds something already, or an odd number of people.
    """
    if identities < 2 or identities % 2:
        raise UsageError(f"RegDB's splits are halves; draw an even number of people, not {identities}")
    new_folder(root, seed, "RegDB", images)
    everybody = range(1, identities + 1)
    each_person(partial(_write_person, root, images=images, seed=seed), everybody, workers, progress)
    (root / "idx").mkdir()
    for split in SPLITS:
        order = np.random.default_rng([seed, 7, split]).permutation(identities) + 1
        halves = {"train": sorted(order[: identities // 2]), "test": sorted(order[identities // 2 :])}
        for part, people in halves.items():
            for folder, letter, _ in VIEWS:
                lines = [
                    f"{folder}/{identity}/{_name(letter, number, int(identity))} {label}\n"
                    for label, identity in enumerate(people)
                    for number in range(1, images + 1)
                ]
                (root / "idx" / f"{part}_{folder.lower()}_{split}.txt").write_text("".join(lines))
    return identities * len(VIEWS) * images


def _write_person(root: Path, identity: int, images: int, seed: int) -> int:
    who = person(seed, identity)
    optics = {camera.number: camera for camera in CAMERAS}
    for folder, letter, camera in VIEWS:
        (root / folder / str(identity)).mkdir(parents=True)
        for number in range(1, images + 1):
            rng = np.random.default_rng([seed, identity, camera, number])
            picture(who, optics[camera], rng, seed).save(
                root / folder / str(identity) / _name(letter, number, identity)
            )
    return len(VIEWS) * images


def _name(letter: str, number: int, identity: int) -> str:
    return f"person_front_{letter}_{number:05d}_{identity}.bmp"
