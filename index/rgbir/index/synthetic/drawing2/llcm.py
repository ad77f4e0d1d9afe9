"""A folder of drawing 2's people in LLCM's layout: nine cameras, in colour by day or in low light, in infrared by night."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Modality
from rgbir.index.progress import Progress, silent
from rgbir.index.synthetic.drawing2.about import write_about
from rgbir.index.synthetic.drawing2.cameras import Camera, Scene
from rgbir.index.synthetic.drawing2.coding import jpeg
from rgbir.index.synthetic.drawing2.picture import moments, picture, quality
from rgbir.index.synthetic.drawing2.streams import Key, shuffled
from rgbir.index.synthetic.drawing2.world import BLOCK, World
from rgbir.index.synthetic.folder import Split, each_person

_COLOUR, _INFRARED = 20, 40
"""Added to a camera's number, for the streams of what it takes by day and by night."""
# By camera: median rows, metres, scene, whether colour is taken in low light, the lamp's wavelength, and its leak.
_TABLE: tuple[tuple[int, float, Scene, bool, int, float], ...] = (
    (70, 11.0, "gate", True, 850, 0.06),
    (85, 10.0, "passage", True, 850, 0.21),
    (95, 9.0, "garden", False, 0, 0.0),
    (105, 8.0, "gate", False, 940, 0.14),
    (120, 7.5, "passage", True, 850, 0.02),
    (130, 7.0, "garden", True, 850, 0.24),
    (145, 6.5, "room", False, 850, 0.10),
    (160, 6.0, "gate", True, 940, 0.17),
    (180, 5.0, "room", True, 850, 0.00),
)


class Post(NamedTuple):
    """One of the nine.

    Attributes:
        number: its number.
        colour: what it is by day or dusk.
        infrared: what it is by night; None of camera 3, which takes nothing then.
    """

    number: int
    colour: Camera
    infrared: Camera | None


def _post(number: int) -> Post:
    rows, metres, scene, low_light, lamp, leak = _TABLE[number - 1]
    tint = (1.02, 1.0, 0.97) if number % 2 else (0.96, 1.0, 1.05)
    colour = Camera(
        _COLOUR + number, Modality.RGB, scene, _COLOUR + number, rows, metres, 3.2, 1.1, tint,
        low_light=low_light, shutter_s=1 / 25 if low_light else 1 / 200, distance_sigma=0.33,
    )  # fmt: skip
    infrared = Camera(
        _INFRARED + number, Modality.IR, scene, _COLOUR + number, rows, metres, 3.2, lamp=lamp, leak=leak,
        shot=0.026 + 0.001 * (number % 8), floor=0.010 + 0.001 * (number % 8),
        rows_noise=number in (2, 8), shutter_s=1 / 30 if number % 2 else 1 / 60, distance_sigma=0.33,
    )  # fmt: skip
    return Post(number, colour, infrared if lamp else None)


POSTS: tuple[Post, ...] = tuple(_post(number) for number in range(1, 10))


class LowLight(NamedTuple):
    """How much is drawn.

    Attributes:
        train, test: people of the lists.
        images: of each person by each camera that sees them, in each modality.
    """

    train: int
    test: int
    images: int


SIZES: dict[str, LowLight] = {
    "tiny": LowLight(20, 20, 2), "small": LowLight(120, 60, 3), "full": LowLight(713, 351, 5)
}  # fmt: skip


def posts_of(world: World, person: int) -> tuple[Post, ...]:
    """The 2 to 6 cameras that see the person, one of which takes infrared."""
    stream = Key(world.seed, person).stream("posts")
    order = shuffled(stream, range(9))[: 2 + stream.below(5)]
    return tuple(POSTS[place] for place in sorted(order))


def shots(world: World, people: range, images: int) -> list[NDArray[np.uint8]]:
    """Pictures of each person by each camera that sees them, in order: uint8 (rows, columns, 3)."""
    taken = []
    for number in people:
        for post in posts_of(world, number):
            for camera in (post.colour, *((post.infrared,) if post.infrared else ())):
                key = Key(world.seed, number, camera.number)
                taken += [
                    picture(world, camera, key._replace(walk=walk), frame, 0) for walk, frame in moments(key, images)
                ]
    return taken


def write_llcm(
    root: Path,
    world: World,
    size: LowLight,
    name: str = "other",
    workers: int | None = None,
    progress: Progress = silent,
) -> int:
    """Draws the people and writes images and lists; returns the number of images.

    Args:
        root: a folder that doesn't exist yet, or is empty.
        world: what is drawn.
        size: how much.
        name: how the set calls its size.
        workers: processes; as many as there are processors if None.
        progress: called with the number of images each finished person adds.

    Raises:
        UsageError: the folder holds something already.
    """
    lists = Split(size.train, 0, size.test).numbers(BLOCK)
    write_about(root, world, name, "llcm", size.images, "LLCM")
    for kind in ("vis", "nir"):
        (root / kind).mkdir()
        for post in POSTS:
            (root / f"test_{kind}" / f"cam{post.number}").mkdir(parents=True)
    (root / "test_nir" / "cam3").rmdir()
    (root / "idx").mkdir()
    (root / "idx" / "test_id.txt").write_text(",".join(map(str, lists["test"])))
    for kind, modality in (("vis", Modality.RGB), ("nir", Modality.IR)):
        lines = [
            f"{file} {label}\n"
            for label, number in enumerate(lists["train"])
            for file, *_ in _files(world, number, size.images, modality, "train")
        ]
        (root / "idx" / f"train_{kind}.txt").write_text("".join(lines))
    parts = {number: part for part, people in lists.items() for number in people}
    return each_person(partial(_write_person, root, world, size.images, parts), parts, workers, progress)


def _files(world: World, number: int, images: int, modality: Modality, part: str) -> list[tuple[str, Camera, Key, int]]:
    """Of a person: each file, with the camera, pass and frame that it shows."""
    kind, files = "vis" if modality is Modality.RGB else "nir", []
    for post in posts_of(world, number):
        camera = post.colour if modality is Modality.RGB else post.infrared
        if camera is None:
            continue
        folder = f"{kind}/{number:04d}" if part == "train" else f"test_{kind}/cam{post.number}/{number:04d}"
        key = Key(world.seed, number, camera.number)
        for walk, frame in moments(key, images):
            of_walk = key._replace(walk=walk)
            clock, first = _begins(of_walk, camera)
            name = f"{number:04d}_c{post.number:02d}_s{clock}_f{first + frame:04d}_{kind}.jpg"
            files.append((f"{folder}/{name}", camera, of_walk, frame))
    return files


def _begins(walk: Key, camera: Camera) -> tuple[str, int]:
    """The clock's time as six digits, and the number of the first frame: by day, at dusk or by night."""
    stream = walk.stream("clock")
    hour = 21 if camera.modality is Modality.IR else 17 if camera.low_light else 9 + walk.walk
    if camera.modality is Modality.IR or camera.low_light:
        hour += walk.walk - 1
    return f"{hour:02d}{stream.below(60):02d}{stream.below(60):02d}", 100 + stream.below(7000)


def _write_person(root: Path, world: World, images: int, parts: dict[int, str], number: int) -> int:
    part, count = parts[number], 0
    for modality in Modality:
        for file, camera, key, frame in _files(world, number, images, modality, part):
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            image = picture(world, camera, key, frame, 0 if part == "train" else 2)
            (root / file).write_bytes(jpeg(image, quality(world, key, frame)))
            count += 1
    return count
