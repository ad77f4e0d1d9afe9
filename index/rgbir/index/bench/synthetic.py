"""Whether drawing 2 is as hard as it should be: colours and grey values must not give people away, and their shape not alone.

Each check is rank-1 in percent, by SYSU-MM01's rule for all-search and one shot, on the people who are held back.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.sysu_mm01 import SysuMM01
from rgbir.index.evaluation import Features, evaluate
from rgbir.index.images import decode, read_bytes
from rgbir.index.metric import Metric
from rgbir.index.progress import Progress, silent
from rgbir.index.synthetic.drawing2.cameras import SYSU
from rgbir.index.synthetic.drawing2.canonical import canonical
from rgbir.index.synthetic.drawing2.sysu import SIZES, write_sysu
from rgbir.index.synthetic.drawing2.world import World

Vector = NDArray[np.float32]
Describe = Callable[[NDArray[np.uint8]], Vector]
STRIPES, BINS = 6, 16
CELLS, ANGLES = (8, 3), 9
TARGETS: dict[str, tuple[float, float]] = {
    "a_untrained": (0, 2.5),
    "b_grey_histograms": (0, 3.3),
    "c_colour_histograms": (0, 3.3),
    "d_gradient_histograms": (4, 9),
    "i_oracle_infrared": (98, 100),
    "j_oracle_edges": (85, 100),
}
"""Least and most of each check, in percent."""


@contextmanager
def held_back(world: World, size: str, progress: Progress = silent, scratch: Path | None = None) -> Iterator[SysuMM01]:
    """A data set of which the people of the val list are drawn, and nobody else."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        root = Path(folder) / "people"
        write_sysu(root, world, SIZES[size].split, SIZES[size].images, size, progress=progress, lists=("val",))
        yield SysuMM01(root)


def rank_1(data: SysuMM01, describe: Describe) -> float:
    """Percent of infrared queries of the val list whose first answer is right."""
    task_of = data.held_back()
    assert task_of is not None
    protocol, task = task_of
    queries, gallery = (Features.of_images(_described(side, describe), side) for side in (task.queries, task.gallery))
    return 100 * evaluate(task, queries, gallery, protocol, Metric.EUCLIDEAN).rank(1)


def _described(records: Sequence[ImageRecord], describe: Describe) -> NDArray[np.float32]:
    return np.stack([describe(np.asarray(decode(read_bytes(record.path)).convert("RGB"))) for record in records])


def grey_histograms(image: NDArray[np.uint8]) -> Vector:
    """How often each of 16 grey levels is, in six stripes: float32 (96,)."""
    grey = np.asarray(Image.fromarray(image).convert("L"))
    return np.concatenate([_shares(stripe) for stripe in np.array_split(grey, STRIPES)])


def colour_histograms(image: NDArray[np.uint8]) -> Vector:
    """As `grey_histograms`, of red, green and blue: float32 (288,)."""
    stripes = np.array_split(image, STRIPES)
    return np.concatenate([_shares(stripe[..., channel]) for stripe in stripes for channel in range(3)])


def _shares(values: NDArray[np.uint8]) -> Vector:
    return (np.bincount(values.ravel() // (256 // BINS), minlength=BINS) / values.size).astype(np.float32)


def gradient_histograms(image: NDArray[np.uint8]) -> Vector:
    """How strong gradients of 9 directions are in 8 x 3 cells, each cell of length 1: float32 (216,)."""
    small = np.asarray(Image.fromarray(image).convert("L").resize((48, 128), Image.Resampling.BILINEAR), np.float32)
    down, across = np.gradient(small)
    size, angle = np.hypot(down, across), np.mod(np.arctan2(down, across), np.pi)
    direction = np.minimum((angle / np.pi * ANGLES).astype(int), ANGLES - 1)
    cells = []
    for row in range(CELLS[0]):
        for column in range(CELLS[1]):
            part = slice(row * 16, row * 16 + 16), slice(column * 16, column * 16 + 16)
            cell = np.bincount(direction[part].ravel(), size[part].ravel(), minlength=ANGLES)
            cells.append(cell / (np.linalg.norm(cell) + 1e-6))
    return np.concatenate(cells).astype(np.float32)


def oracles(world: World, people: range) -> dict[str, float]:
    """Percent of people found again where nothing spoils them: by raw pixels, and across modalities by edges alone."""
    by_camera = {
        number: np.stack([canonical(world, SYSU[number - 1], person) for person in people]) for number in (1, 3, 6)
    }
    edges = {number: np.stack([_edges(image) for image in images]) for number, images in by_camera.items()}
    return {
        "i_oracle_infrared": _found(by_camera[3], by_camera[6]),
        "j_oracle_edges": _found(edges[3], edges[1]),
    }


def _edges(image: NDArray[np.float32]) -> Vector:
    """The root of how steep an image is, whichever way, of length 1."""
    down, across = np.gradient(image, axis=(1, 2))
    steep = np.sqrt(np.hypot(down, across).max(axis=0))
    return np.asarray(steep / np.linalg.norm(steep), np.float32)


def _found(queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> float:
    asked, offered = (rows.reshape(len(rows), -1) for rows in (queries, gallery))
    nearest = np.linalg.norm(asked[:, None] - offered[None], axis=2).argmin(axis=1)
    return float(100 * (nearest == np.arange(len(asked))).mean())


def checks(data: SysuMM01, world: World) -> dict[str, Any]:
    """Checks b, c, d, i and j of the drawing, in percent."""
    described: dict[str, Describe] = {
        "b_grey_histograms": grey_histograms,
        "c_colour_histograms": colour_histograms,
        "d_gradient_histograms": gradient_histograms,
    }
    figures = {name: rank_1(data, describe) for name, describe in described.items()}
    people = data.identities("val")
    return figures | oracles(world, range(people[0], people[-1] + 1))


def missed(figures: dict[str, Any]) -> list[str]:
    """What isn't as it should be, in words."""
    return [
        f"{name} is {figures[name]:.1f}, not within {least:g} to {most:g}"
        for name, (least, most) in TARGETS.items()
        if name in figures and not least <= round(figures[name], 1) <= most
    ]
