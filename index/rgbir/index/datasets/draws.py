"""Which gallery images a trial shows: drawn by the authors' permutation file, or by a seeded generator.

Both return picks in the protocol's row order, which decides ties.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import BadDataset

Permutations = dict[tuple[int, int], NDArray[np.int64]]
"""(camera, identity) → (10, n): row t is the order in which trial t draws the images 1..n."""


class Pick(NamedTuple):
    """An image that a trial draws.

    Attributes:
        camera, identity: whose folder holds it.
        number: its position there from 1, files ascending by name.
    """

    camera: int
    identity: int
    number: int


FolderSizes = Mapping[tuple[int, int], int]
"""(camera, identity) → images on disk; absent or 0 where there are none."""


def official(
    tables: Permutations, sizes: FolderSizes, identities: Iterable[int], cameras: Sequence[int], shots: int, trial: int
) -> list[Pick]:
    """The first `shots` entries of row `trial` (0..9) of every camera's and identity's table; camera by camera.

    Raises:
        BadDataset: a table and its folder disagree, or a folder has fewer than `shots` images.
    """
    picks = []
    for camera in sorted(cameras):
        for identity in sorted(identities):
            table, images = tables.get((camera, identity)), sizes.get((camera, identity), 0)
            drawn = 0 if table is None else table.shape[1]
            if drawn != images:
                raise BadDataset(
                    f"camera {camera}, identity {identity}: rand_perm_cam.mat permutes {drawn} images,"
                    f" the folder holds {images}; the copy of the data set is not the one the file was made for"
                )
            if table is None:
                continue
            _enough(images, shots, camera, identity)
            picks += [Pick(camera, identity, int(number)) for number in table[trial, :shots]]
    return picks


def seeded(
    sizes: FolderSizes,
    identities: Iterable[int],
    cameras: Sequence[int],
    shots: int,
    trial: int,
    fewer: bool = False,
) -> list[Pick]:
    """Draws with Python's Mersenne Twister seeded with `trial`; identity by identity, cameras inside.

    The rule of most code since 2020 (AGW and its descendants; the multi-shot rule is CM-NAS's). The two search modes
    have other cameras inside the loop and so draw other images.

    Args:
        fewer: whether a folder that has fewer than `shots` images gives all of them, in place of an error.

    Raises:
        BadDataset: a folder has fewer than `shots` images.
    """
    generator = random.Random(trial)
    picks = []
    for identity in sorted(identities):
        for camera in sorted(cameras):
            images = sizes.get((camera, identity), 0)
            if not images:
                continue
            if not fewer:
                _enough(images, shots, camera, identity)
            pool = list(range(1, images + 1))
            for i in range(min(shots, images)):
                v = _below(generator, images - i)
                picks.append(Pick(camera, identity, pool[v]))
                pool[v] = pool[images - i - 1]
    return picks


def _below(generator: random.Random, n: int) -> int:
    """Python 3's uniform draw below n: the top bits of the next output until one is small enough."""
    bits = n.bit_length()
    while (v := generator.getrandbits(bits)) >= n:
        pass
    return v


def _enough(images: int, shots: int, camera: int, identity: int) -> None:
    if images < shots:
        raise BadDataset(
            f"camera {camera}, identity {identity}: {shots} shots are asked for, the folder holds {images} images"
        )
