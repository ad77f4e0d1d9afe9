"""A folder of synthetic footage: what three cameras filmed, as numbered pictures or as films, and who is where in it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index.errors import UsageError
from rgbir.index.progress import Progress, silent
from rgbir.index.synthetic.folder import empty_folder, jpeg
from rgbir.index.synthetic.footage import Scene, Truth
from rgbir.index.synthetic.places import PLACES
from rgbir.index.synthetic.processes import each

WriteFilm = Callable[[Path, Iterable[NDArray[np.uint8]], int, datetime], object]
"""Writes pictures, uint8 (height, width, 3), so many a second, as a film that says when it began; the file's name says the format."""
TOGETHER = 50
"""How many pictures a process draws before it gives their truth back."""
QUALITY = 95

_README = """Synthetic footage drawn by rgbir (seed {seed}): {count} people pass three cameras. No real person is shown; numbers
measured on it say nothing about real footage.

{what}
truth.csv       who is where: box in whole pixels, its last column and row not included, around all of the person inside
                the picture, hidden parts too; visible is the share of the person that is seen, 0 to 1
frames.csv      what each picture is, rgb or ir, and when it was taken
network.toml    the cameras, for --network
"""
_NETWORK = """# The cameras of synthetic footage: one in colour, one in infrared, one that turns from colour to infrared at dusk.
name = "synthetic-footage"
cameras = [
    { id = "hall", modality = "rgb", place = "hall", scene = "indoor" },
    { id = "yard", modality = "ir", place = "yard", scene = "outdoor" },
    { id = "gate", modality = ["rgb", "ir"], place = "gate", scene = "outdoor" },
]
"""


def film_writer() -> WriteFilm:
    """Who writes films: what the entry point `rgbir.film` gives when it is called, of the part footage as a rule.

    Raises:
        UsageError: no such part is installed. The part itself raises what tells that its packages are missing.
    """
    points = list(entry_points(group="rgbir.film"))
    if not points:
        raise UsageError("films need what writes them: pip install 'rgbir[footage]', or leave --film out for pictures")
    write: WriteFilm = points[0].load()()
    return write


@dataclass(frozen=True, slots=True)
class Filmed:
    """What was written.

    Attributes:
        frames: pictures of all cameras.
        people: who pass.
        boxes: rows of truth.
    """

    frames: int
    people: int
    boxes: int


class _Job(NamedTuple):
    """Pictures of one film that one process draws, both numbers included."""

    scene: Scene
    first: int
    last: int


def synthesize_footage(
    root: Path,
    scene: Scene,
    film: str | None = None,
    write_film: WriteFilm | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> Filmed:
    """Draws what each camera films, and writes it with its truth. The same values give the same pictures, byte for byte.

    Files: `<camera>/000001.jpg` and so on, or `<camera>.<film>`; `truth.csv` with camera, frame, identity, left, top,
    right, bottom, visible; `frames.csv` with camera, frame, modality, taken_at; `network.toml`; `README.txt`.

    Args:
        root: a folder that doesn't exist yet, or is empty.
        scene: size, rate, length, people and seed of every camera's film; its camera isn't looked at.
        film: the films' suffix, such as `mp4`; None for numbered JPEG pictures.
        write_film: who writes a film, a function of a module; needed for films only.
        workers: processes; as many as there are processors if None.
        progress: called with the number of pictures that were drawn.

    Raises:
        UsageError: the folder holds something already, or films are asked for without somebody who writes them.
    """
    if (film is None) != (write_film is None):
        raise UsageError("films need a suffix and somebody who writes them, pictures need neither")
    empty_folder(root)
    scenes = [replace(scene, camera=camera) for camera in PLACES]
    what = f"<camera>.{film:<8} films" if film else "<camera>/…      pictures by number, from 000001.jpg on"
    (root / "README.txt").write_text(
        _README.format(seed=scene.seed, count=len(scene.identities), what=what), encoding="utf-8"
    )
    (root / "network.toml").write_text(_NETWORK, encoding="utf-8")
    with (root / "frames.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("camera", "frame", "modality", "taken_at"))
        for filmed in scenes:
            for number in range(1, len(filmed) + 1):
                taken_at = filmed.taken_at(number).isoformat(timespec="milliseconds")
                table.writerow((filmed.camera, number, filmed.modality(number), taken_at))
    if film and write_film:
        jobs = [_Job(filmed, 1, len(filmed)) for filmed in scenes]
        work = partial(_film, root, film, write_film)
    else:
        jobs = [
            _Job(filmed, first, min(first + TOGETHER - 1, len(filmed)))
            for filmed in scenes
            for first in range(1, len(filmed) + 1, TOGETHER)
        ]
        work = partial(_pictures, root)
        for filmed in scenes:
            (root / filmed.camera).mkdir()
    boxes = 0
    with (root / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("camera", "frame", "identity", "left", "top", "right", "bottom", "visible"))
        for job, truth in zip(jobs, each(work, jobs, workers), strict=True):
            for number, rows in enumerate(truth, start=job.first):
                for row in rows:
                    table.writerow((job.scene.camera, number, row.identity, *row.box, f"{row.visible:.4f}"))
                boxes += len(rows)
            progress(len(truth))
    return Filmed(sum(map(len, scenes)), len(scene.identities), boxes)


def _pictures(root: Path, job: _Job) -> list[tuple[Truth, ...]]:
    truth = []
    for number in range(job.first, job.last + 1):
        frame = job.scene.frame(number)
        file = root / job.scene.camera / f"{number:06d}.jpg"
        file.write_bytes(jpeg(Image.fromarray(frame.image), QUALITY))
        truth.append(frame.truth)
    return truth


def _film(root: Path, suffix: str, write: WriteFilm, job: _Job) -> list[tuple[Truth, ...]]:
    truth = []

    def images() -> Iterator[NDArray[np.uint8]]:
        for frame in job.scene:
            truth.append(frame.truth)
            yield frame.image

    write(root / f"{job.scene.camera}.{suffix}", images(), job.scene.rate, job.scene.taken_at(1))
    return truth
